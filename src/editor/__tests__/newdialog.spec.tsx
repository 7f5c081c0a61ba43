import { CodeEditor } from '@jupyterlab/codeeditor';
import { nullTranslator } from '@jupyterlab/translation';
import {
  act,
  cleanup,
  fireEvent,
  render,
  screen
} from '@testing-library/react';
import * as React from 'react';
import {
  FakeCluster,
  FakeManager,
  TEMPLATES,
  cluster
} from '../../__tests__/fakes';
import { ApiError } from '../../api/errors';
import type { Template, TemplateField } from '../../api/types';
import { NewCluster } from '../newcluster';
import { NewFields } from '../newdialog';
import type { IUnfinished } from '../unfinished';

const trans = nullTranslator.load('speccluster_lab');

const field = (more: Partial<TemplateField>): TemplateField => ({
  type: 'integer',
  title: 'Threads',
  description: 'per worker',
  default: 1,
  minimum: 1,
  maximum: 64,
  ...more
});

const FORMED: Template = {
  ...TEMPLATES[0],
  initial: 2,
  fields: {
    nthreads: field({}),
    memory: field({ type: 'string', title: 'Memory', default: '2 GiB' }),
    quiet: field({ type: 'boolean', title: 'Quiet', default: false })
  },
  spec: {
    worker: {
      cls: 'distributed.Nanny',
      options: {
        nthreads: { $field: 'nthreads' },
        memory_limit: { $field: 'memory' }
      }
    }
  }
};

describe('NewFields', () => {
  let manager: FakeManager;
  let wanted: NewCluster;
  const labelled = (label: string) =>
    screen.getByLabelText<HTMLInputElement>(label);
  const type = (label: string, value: string) =>
    fireEvent.change(labelled(label), { target: { value } });
  const create = () => act(async () => void (await wanted.create()));
  const asked = () =>
    (manager.create.mock.calls as unknown as [unknown][]).map(([one]) => one);
  const error = (label: string) => {
    const node = labelled(label);
    expect(node.getAttribute('aria-invalid')).toBe('true');
    return node
      .closest('[data-invalid]')!
      .querySelector('.jp-SpecCluster-fieldError')!.textContent;
  };

  const begin = (unfinished: IUnfinished | null) =>
    new NewCluster({
      manager,
      kernels: [{ name: 'geo', title: 'Geo' }],
      template: null,
      unfinished,
      text: new CodeEditor.Model(),
      trans
    });

  beforeEach(() => {
    manager = new FakeManager(new FakeCluster(cluster('otter')));
    manager.templates = [FORMED, TEMPLATES[1]];
    wanted = begin(null);
    render(<NewFields wanted={wanted} trans={trans} />);
  });
  afterEach(() => {
    cleanup();
    wanted.dispose();
  });

  it('has what the template says, and a name that is free', async () => {
    expect(labelled('Threads').value).toBe('1');
    expect(labelled('Memory').value).toBe('2 GiB');
    expect(labelled('Name').value).toBe('Grouped workers');
    expect(screen.getAllByText('per worker')).toHaveLength(3);
    await create();
    expect(asked()).toEqual([
      { template: 'grouped', name: 'Grouped workers', fields: {} }
    ]);
  });

  it('makes nothing from a template that cannot be used, and says why', async () => {
    const unusable = 'worker.cls: secret.Worker is not allowed here';
    manager.templates = [{ ...FORMED, unusable }, TEMPLATES[1]];
    const one = begin(null);
    expect(one.template.name).toBe('local');
    one.dispose();
    await act(async () => wanted.setTemplate(manager.templates[0]));
    expect(error('Template')).toBe(unusable);
    await create();
    expect(asked()).toEqual([]);
    const options = [...labelled('Template').querySelectorAll('option')];
    expect(options.map(({ disabled }) => disabled)).toEqual([true, false]);
  });

  it('asks for what was changed, as what it is', async () => {
    type('Threads', '4');
    type('Memory', '6 GiB');
    type('Name', ' Weasel ');
    type('Python', 'geo');
    fireEvent.change(labelled('Quiet'), { target: { value: '0' } });
    await create();
    expect(asked()).toEqual([
      {
        template: 'grouped',
        name: 'Weasel',
        kernel: 'geo',
        fields: { nthreads: 4, memory: '6 GiB', quiet: true }
      }
    ]);
  });

  it('leaves the name to the server when there is none', async () => {
    type('Name', ' ');
    await create();
    expect(asked()).toEqual([{ template: 'grouped', fields: {} }]);
  });

  it.each([
    ['Threads', '0', 'must be 1 or more'],
    ['Threads', '65', 'must be 64 or less'],
    ['Threads', '1.5', 'must be a whole number'],
    ['Threads', 'many', 'must be a whole number'],
    ['Name', 'otter', 'There is a cluster of this name.'],
    ['Name', 'x'.repeat(129), 'must have 128 characters or fewer']
  ])('does not ask for the %s %p', async (label, value, message) => {
    type(label, value);
    expect(error(label)).toBe(message);
    await create();
    expect(asked()).toEqual([]);
    expect(labelled(label).value).toBe(value);
  });

  it('begins anew with another template, but for a name that was typed', () => {
    type('Threads', '4');
    type('Template', 'local');
    expect(screen.queryByLabelText('Threads')).toBeNull();
    expect(labelled('Name').value).toBe('Local processes');
    type('Name', 'Weasel');
    type('Template', 'grouped');
    expect(labelled('Threads').value).toBe('1');
    expect(labelled('Name').value).toBe('Weasel');
  });

  it('numbers a name that is taken', () => {
    manager.clusters = [
      new FakeCluster(cluster('a', { display_name: 'Local processes' }))
    ];
    type('Template', 'local');
    expect(labelled('Name').value).toBe('Local processes 2');
  });

  it('goes on with what was typed, as far as there is still a place for it', () => {
    expect(wanted.unfinished).toBeNull();
    type('Threads', '4');
    type('Name', 'Weasel');
    type('Python', 'geo');
    const left = wanted.unfinished!;
    const again = begin(left);
    expect(again.unfinished).toEqual(left);
    expect(again.isResumed).toBe(true);
    again.dispose();

    manager.templates = [TEMPLATES[1]];
    const elsewhere = begin({ ...left, kernel: 'gone' });
    expect(elsewhere.unfinished).toEqual({
      template: 'local',
      name: 'Weasel',
      kernel: '',
      values: {},
      text: null
    });
    elsewhere.dispose();
  });

  const refuse = (field: string, message = `${field}: no`) =>
    manager.create.mockRejectedValueOnce(
      new ApiError({ code: 'x', message, status: 422, field })
    );

  it.each([
    ['name', 'Name'],
    ['template', 'Template'],
    ['kernel', 'Python'],
    ['python', 'Python'],
    ['fields.memory', 'Memory'],
    // What the template makes of a field is told of where it was typed.
    ['spec.worker.options.memory_limit', 'Memory']
  ])('says a refusal of %s at %s, and keeps all', async (field, label) => {
    type('Memory', 'lots');
    refuse(field);
    await create();
    expect(error(label)).toBe('no');
    expect(labelled('Memory').value).toBe('lots');
    expect(screen.queryByRole('alert')).toBeNull();
    type('Memory', '1 GiB');
    expect(labelled(label).getAttribute('aria-invalid')).toBeNull();
  });

  it('says what is about no field above all of them', async () => {
    manager.create.mockRejectedValueOnce(
      new ApiError({ code: 'x', message: 'no room', status: 409 })
    );
    await create();
    expect(screen.getByRole('alert').textContent).toBe('no room');
  });

  it('asks once, while it is busy', async () => {
    let make!: (one: FakeCluster) => void;
    manager.create.mockReturnValueOnce(
      new Promise(resolve => (make = resolve)) as Promise<FakeCluster>
    );
    let first!: ReturnType<typeof wanted.create>;
    await act(async () => {
      first = wanted.create();
    });
    expect(screen.getByRole('status').textContent).toContain('is made');
    await act(async () => {
      expect(await wanted.create()).toBeNull();
      make(manager.clusters[0]);
      expect(await first).toBe(manager.clusters[0]);
    });
    expect(asked()).toHaveLength(1);
  });

  describe('with the whole spec', () => {
    const worker = (nthreads: number) => ({
      cls: 'distributed.Nanny',
      options: { nthreads, memory_limit: '2 GiB' }
    });
    const button = (name: string) => screen.getByRole('button', { name });
    const write = (text: string) =>
      act(() => wanted.whole.text.sharedModel.setSource(text));

    beforeEach(async () => {
      type('Threads', '3');
      await act(async () =>
        fireEvent.click(button('Edit the whole spec before starting'))
      );
    });

    it('begins with what the form makes', async () => {
      expect(wanted.whole.spec).toEqual({
        worker: worker(3),
        workers: { 0: worker(3), 1: worker(3) }
      });
      expect(screen.queryByLabelText('Threads')).toBeNull();
      expect(wanted.whole.classes.all).toHaveLength(2);
      await create();
      expect(asked()).toEqual([
        {
          template: 'grouped',
          name: 'Grouped workers',
          fields: { nthreads: 3 },
          whole: { worker: worker(3), workers: { 0: worker(3), 1: worker(3) } }
        }
      ]);
    });

    it('says what the server has against it where it is', async () => {
      refuse('whole.workers.0.cls');
      await create();
      expect(wanted.whole.refusal).toMatchObject({ field: 'workers.0.cls' });
      expect(screen.getByRole('alert').textContent).toBe(
        'whole.workers.0.cls: no'
      );
      write('worker: null');
      expect(wanted.whole.refusal).toBeNull();
    });

    it('does not ask for what is no spec', async () => {
      write('a: [');
      expect(screen.getByRole('alert').textContent).toContain('Not YAML');
      await create();
      expect(asked()).toEqual([]);
    });

    it('keeps what was typed until it is discarded', async () => {
      type('Template', 'local');
      type('Template', 'grouped');
      expect(wanted.whole.spec?.workers).toEqual({
        0: worker(1),
        1: worker(1)
      });
      write('worker: null');
      expect(labelled('Template').disabled).toBe(true);
      expect(screen.queryByRole('button', { name: /^Back/ })).toBeNull();
      act(() => wanted.setTemplate(TEMPLATES[1]));
      await act(async () => wanted.setWhole(true));
      type('Name', 'Weasel');
      type('Python', 'geo');
      expect(wanted.whole.spec).toEqual({ worker: null });
      const discard = button('Discard the text');
      const why = document.getElementById(
        discard.getAttribute('aria-describedby')!
      );
      expect(why?.textContent).toContain('is made as the text says');
      fireEvent.click(discard);
      type('Threads', '5');
      await act(async () =>
        fireEvent.click(button('Edit the whole spec before starting'))
      );
      expect(wanted.whole.spec?.workers).toEqual({
        0: worker(5),
        1: worker(5)
      });
      expect(button('Back to the form').getAttribute('aria-describedby')).toBe(
        null
      );
    });

    it('is left and begun again as it was typed', () => {
      write('worker: null');
      const again = begin(wanted.unfinished);
      expect([again.isWhole, again.isEdited]).toEqual([true, true]);
      expect(again.whole.spec).toEqual({ worker: null });
      again.setWhole(false);
      expect(again.values).toMatchObject({ nthreads: 3 });
      again.dispose();
    });

    it('is free again when the text is what it was', () => {
      const before = wanted.whole.text.sharedModel.getSource();
      write('worker: null');
      write(before);
      expect(labelled('Template').disabled).toBe(false);
      expect(button('Back to the form')).toBeTruthy();
    });
  });
});
