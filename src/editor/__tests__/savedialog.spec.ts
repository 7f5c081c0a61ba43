import { nullTranslator } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';
import { act, fireEvent, screen } from '@testing-library/react';
import {
  FakeCluster,
  FakeManager,
  TEMPLATES,
  cluster
} from '../../__tests__/fakes';
import { ApiError } from '../../api/errors';
import type { Template } from '../../api/types';
import { KeptTemplate } from '../savedialog';
import { filledSpec, templateName } from '../templatespec';

const ORIGIN: Template = {
  ...TEMPLATES[0],
  bind: 'eth0',
  fields: {
    threads: {
      type: 'integer',
      title: 'Threads per worker',
      description: 'at most',
      default: 1,
      minimum: 1,
      maximum: 8
    }
  },
  spec: { worker: { options: { nthreads: { $field: 'threads' } } } }
};

const FORM = {
  cls: 'distributed.Nanny',
  options: { nthreads: 4, password: 'hunter2', resources: { GPU: 1 } },
  group: ['-0']
};

describe('KeptTemplate', () => {
  let manager: FakeManager;
  let kept: KeptTemplate;
  const labelled = (label: string) =>
    screen.getByLabelText<HTMLInputElement>(label);
  const type = (label: string, value: string) =>
    act(async () => {
      fireEvent.change(labelled(label), { target: { value } });
    });
  const save = async () => {
    let saved: Template | null = null;
    await act(async () => {
      saved = await kept.save();
    });
    return saved as Template | null;
  };
  const show = async (
    workers: Record<string, unknown> = { 0: FORM, 1: FORM }
  ) => {
    const one = cluster('otter', { display_name: 'Über Otter!' });
    const spec = { ...one.spec, worker: FORM, workers } as typeof one.spec;
    manager = new FakeManager(new FakeCluster({ ...one, spec }));
    manager.templates = [
      ORIGIN,
      TEMPLATES[1],
      { ...TEMPLATES[1], name: 'mine', own: true }
    ];
    kept = new KeptTemplate(
      manager.clusters[0],
      manager,
      null,
      nullTranslator.load('speccluster_lab')
    );
    await act(async () => Widget.attach(kept, document.body));
  };

  afterEach(async () => {
    await act(async () => kept.dispose());
  });

  it('asks again for what its template asked for, with what it is now', async () => {
    await show();
    expect(labelled('Name').value).toBe('uber-otter');
    await type('password', 'drop');
    await type('Description', 'What we use');
    expect(await save()).toMatchObject({ name: 'uber-otter', own: true });
    const [[template, isReplaced, like]] = manager.saveTemplate.mock
      .calls as unknown as [Template, boolean, string][];
    expect([isReplaced, like]).toEqual([false, 'grouped']);
    expect(template).toMatchObject({
      name: 'uber-otter',
      title: 'Über Otter!',
      description: 'What we use',
      initial: 2,
      bind: 'eth0',
      fields: {
        nthreads: {
          type: 'integer',
          title: 'Threads per worker',
          description: 'at most',
          default: 4,
          minimum: 1,
          maximum: 8
        }
      }
    });
    expect(template.spec).toEqual({
      scheduler: { cls: 'distributed.Scheduler', options: {} },
      worker: {
        ...FORM,
        options: { nthreads: { $field: 'nthreads' }, resources: { GPU: 1 } }
      }
    });
    // What it makes is what the cluster is.
    expect(filledSpec(template, {}).workers![1].options!.nthreads).toBe(4);
  });

  it('keeps entries that are not of one form', async () => {
    const workers = { a: FORM, b: { ...FORM, options: {} } };
    await show(workers);
    await save();
    const [[template]] = manager.saveTemplate.mock.calls;
    expect(template.spec.workers).toEqual(workers);
  });

  it('says which option is refused, and may ask for it instead', async () => {
    await show();
    manager.saveTemplate.mockRejectedValueOnce(
      new ApiError({
        code: 'invalid_input',
        message: 'this looks like a secret, and a template is a file',
        field: 'spec.worker.options.password'
      })
    );
    expect(await save()).toBeNull();
    expect(screen.getByText(/looks like a secret/)).toBeTruthy();
    expect(labelled('password').getAttribute('aria-invalid')).toBe('true');
    await type('password', 'ask');
    await save();
    const template = manager.saveTemplate.mock.lastCall![0];
    expect(template.fields!.password).toMatchObject({
      type: 'string',
      default: ''
    });
    expect(JSON.stringify(template)).not.toContain('hunter2');
  });

  it('replaces one of their own only when that is said', async () => {
    await show();
    await type('Name', 'mine');
    expect(await save()).toBeNull();
    expect(screen.getByText('There is a template of this name.')).toBeTruthy();
    await act(async () => void fireEvent.click(labelled('Replace')));
    expect(await save()).not.toBeNull();
    expect(manager.saveTemplate).toHaveBeenLastCalledWith(
      expect.anything(),
      true,
      'grouped'
    );
  });

  it('replaces none of others', async () => {
    await show();
    await type('Name', 'local');
    expect(await save()).toBeNull();
    expect(screen.getByText(/that is not yours/)).toBeTruthy();
    expect(screen.queryByLabelText('Replace')).toBeNull();
    expect(manager.saveTemplate).not.toHaveBeenCalled();
  });

  it.each([
    ['Title', '  ', 'must not be empty'],
    ['Name', ' ', 'must have a letter or a digit']
  ])('does not take %s %p', async (label, value, message) => {
    await show();
    await type(label, value);
    expect(await save()).toBeNull();
    expect(screen.getAllByText(message)).toHaveLength(1);
  });

  it.each([
    ['Über Otter!', 'uber-otter'],
    ['  GPU  2026 ', 'gpu-2026'],
    ['山', ''],
    [`${'a'.repeat(62)} b`, 'a'.repeat(62)]
  ])('calls %p %p', (title, name) => {
    expect(templateName(title)).toBe(name);
  });
});
