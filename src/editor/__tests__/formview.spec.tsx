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
  CLASSES,
  FakeCluster,
  cluster,
  deferred,
  plain
} from '../../__tests__/fakes';
import { ApiError } from '../../api/errors';
import type { ClusterSpec, WorkerClass } from '../../api/types';
import { SpecDraft } from '../draft';
import { FormModel } from '../formmodel';
import { FormView } from '../formview';
import { meantValue, shownText } from '../optionfield';
import { Planning } from '../planning';

const trans = nullTranslator.load('speccluster_lab');

function Drawn(props: { form: FormModel }): React.JSX.Element {
  const [, draw] = React.useReducer((count: number) => count + 1, 0);
  React.useEffect(() => {
    props.form.changed.connect(draw);
  }, [props.form]);
  return <FormView form={props.form} trans={trans} />;
}

describe('FormView', () => {
  let one: FakeCluster;
  let draft: SpecDraft;
  let form: FormModel;

  const field = (name: string) => screen.getByLabelText<HTMLInputElement>(name);
  const fill = (name: string, value: string) =>
    fireEvent.change(field(name), { target: { value } });
  const press = (name: string) =>
    fireEvent.click(screen.getByRole('button', { name }));
  const entry = (name: string) => draft.spec!.workers![name];

  beforeEach(async () => {
    one = new FakeCluster(cluster('otter'));
    draft = new SpecDraft({
      cluster: one,
      text: new CodeEditor.Model(),
      trans
    });
    await draft.classes.need();
    form = new FormModel(draft);
    render(<Drawn form={form} />);
  });

  afterEach(() => draft.dispose());

  it('changes an option, and unsets one that is emptied', () => {
    fill('nthreads', '2');
    expect(entry('0').options).toEqual({ processes: 3, nthreads: 2 });
    expect(field('nthreads').value).toBe('2');
    fill('nthreads', '');
    expect(entry('0').options).toEqual({ processes: 3 });
  });

  it('says at its field what is wrong with a value, and keeps it', () => {
    fill('nthreads', '-1');
    expect(field('nthreads').getAttribute('aria-invalid')).toBe('true');
    expect(screen.getByText('must be 1 or more')).toBeTruthy();
    fill('nthreads', 'two');
    expect(field('nthreads').value).toBe('two');
    expect(screen.getByText('must be a whole number or null')).toBeTruthy();
  });

  it('says at its field what the server has against it', async () => {
    jest.useFakeTimers();
    const message = 'nobody has so many';
    one.plan.mockRejectedValue(
      new ApiError({ code: 'x', message, field: 'workers.0.options.nthreads' })
    );
    fill('nthreads', '99');
    await act(() => jest.advanceTimersByTimeAsync(Planning.QUIET));
    jest.useRealTimers();
    expect(screen.getByText(message)).toBeTruthy();
    expect(field('nthreads').getAttribute('aria-invalid')).toBe('true');
  });

  it('edits a group as a count and a pattern, with the option that says it too', () => {
    expect(screen.queryByLabelText('processes')).toBeNull();
    fill('Workers', '4');
    expect(entry('0').group).toEqual(['-0', '-1', '-2', '-3']);
    expect(entry('0').options).toEqual({ processes: 4 });
    fill('Suffix pattern', '/{i}');
    expect(entry('0').group).toEqual(['/0', '/1', '/2', '/3']);
    fill('Workers', '');
    expect(field('Workers').value).toBe('');
    fill('Workers', '2');
    expect(entry('0').group).toEqual(['/0', '/1']);
    fill('Suffix pattern', '/');
    expect(field('Suffix pattern').value).toBe('/');
    expect(screen.getByText(/^needs {i}/)).toBeTruthy();
    expect(entry('0').group).toEqual(['/0', '/1']);
    fireEvent.blur(field('Suffix pattern'));
    expect(field('Suffix pattern').value).toBe('/{i}');
    fireEvent.click(field('a group'));
    expect(entry('0').group).toBeUndefined();
    expect(entry('0').options).toEqual({});
  });

  it('has a group changed once it is known which option goes with it', async () => {
    cleanup();
    const slow = deferred<WorkerClass[]>();
    one.classes.mockReturnValueOnce(slow.promise);
    const other = new SpecDraft({
      cluster: one,
      text: new CodeEditor.Model(),
      trans
    });
    render(<Drawn form={new FormModel(other)} />);
    const asked = other.classes.need();
    expect(field('Workers').disabled).toBe(true);
    slow.resolve([...CLASSES]);
    await act(() => asked);
    expect(field('Workers').disabled).toBe(false);
    other.dispose();
  });

  it('shows a group without a pattern one suffix a line', () => {
    act(() => {
      const spec = plain(draft.spec) as unknown as ClusterSpec;
      spec.workers!['0'].group = ['-a', '-b', '-c'];
      draft.write(spec);
    });
    expect(field('Suffixes').value).toBe('-a\n-b\n-c');
    fill('Suffixes', '-a\n-b\n-x');
    expect(entry('0').group).toEqual(['-a', '-b', '-x']);
  });

  it('adds, copies, renames and removes entries', () => {
    fill('nthreads', '2');
    press('Duplicate');
    expect(Object.keys(draft.spec!.workers!)).toEqual(['0', '1']);
    expect(entry('1').options).toEqual({ processes: 3, nthreads: 2 });
    press('Add');
    expect(entry('2').options).toEqual({ processes: 3 });
    fill('Name', 'big');
    fireEvent.blur(field('Name'));
    expect(Object.keys(draft.spec!.workers!)).toEqual(['0', '1', 'big']);
    fill('Name', '0');
    fireEvent.blur(field('Name'));
    expect(screen.getByText(/nor the name of another/)).toBeTruthy();
    press('Remove');
    expect(Object.keys(draft.spec!.workers!)).toEqual(['0', '1']);
    expect(field('Entry').value).toBe('=1');
  });

  it('stays where it is when the entry that it shows is renamed', () => {
    const [name, next] = [field('Name'), field('Class')];
    name.focus();
    fill('Name', 'big');
    fireEvent.keyDown(name, { key: 'Enter' });
    expect(Object.keys(draft.spec!.workers!)).toEqual(['big']);
    expect(document.activeElement).toBe(name);
    // By a command.
    act(() => void form.rename('big', 'small'));
    expect([field('Name'), name.value]).toEqual([name, 'small']);
    fill('Name', 'bigger');
    // As the tabulator does.
    act(() => next.focus());
    expect(Object.keys(draft.spec!.workers!)).toEqual(['bigger']);
    expect(field('Entry').value).toBe('=bigger');
    expect(document.activeElement).toBe(next);
    press('Duplicate');
    expect(field('Name').value).toBe('0');
    // An entry that has gone leaves nothing of what was typed to another.
    fill('nthreads', 'two');
    const spec = plain(draft.spec) as unknown as ClusterSpec;
    act(() => draft.write({ ...spec, workers: {} }));
    expect(field('nthreads').value).toBe('');
  });

  it('changes those that are the same together when that is said', () => {
    press('Duplicate');
    press('Duplicate');
    fill('nthreads', '1');
    fill('Entry', '=0');
    const counts = () =>
      [...Object.values(draft.spec!.workers!), draft.spec!.worker!].map(
        one => one.options!.nthreads
      );
    expect(counts()).toEqual([undefined, undefined, 1, undefined]);
    expect(
      screen.getByText('those that are the same: 1, the form of new entries')
    ).toBeTruthy();
    fireEvent.click(field('Change as well'));
    // On its way to 12 it is what another entry is, which is not meant.
    fill('nthreads', '1');
    fill('nthreads', '12');
    expect(counts()).toEqual([12, 12, 1, 12]);
    fireEvent.click(field('Change as well'));
    fill('nthreads', '3');
    expect(counts()).toEqual([3, 12, 1, 12]);
    expect(screen.getByText('no other is the same')).toBeTruthy();
    expect(field('Change as well').disabled).toBe(true);
  });

  it('offers another class, and that class its own options', () => {
    fill('Class', 'distributed.Nanny');
    expect(entry('0').cls).toBe('distributed.Nanny');
    expect(
      screen.getByText('A process to manage worker processes')
    ).toBeTruthy();
    fill('Another option', 'silent');
    press('Show');
    fireEvent.change(field('silent'), { target: { value: '0' } });
    expect(entry('0').options).toMatchObject({ silent: true });
    fill('Another option', 'preload');
    expect(
      screen.getByRole<HTMLButtonElement>('button', { name: 'Show' }).disabled
    ).toBe(true);
  });

  it('keeps what is shown of an object by its class, and lets nobody change it', () => {
    act(() => {
      const spec = plain(draft.spec) as unknown as ClusterSpec;
      spec.workers!['0'].options = { plugins: { $object: 'my.Plugin' } };
      draft.write(spec);
    });
    expect(screen.getByText(/an object of my.Plugin/)).toBeTruthy();
    fill('nthreads', '2');
    expect(entry('0').options).toEqual({
      plugins: { $object: 'my.Plugin' },
      nthreads: 2
    });
  });

  it('has no form for what is no entry, or no spec', () => {
    act(() => draft.text.sharedModel.setSource('{"workers": {"0": 3}}'));
    expect(screen.getByText(/is not written as one/)).toBeTruthy();
    act(() => draft.text.sharedModel.setSource('{'));
    expect(screen.getByRole('alert').textContent).toMatch(/no spec/);
  });

  it('is only to be looked at where nothing may be changed', () => {
    act(() => {
      draft.isReadOnly = true;
    });
    for (const name of ['Class', 'Workers', 'nthreads', 'Name']) {
      expect(field(name).disabled).toBe(true);
    }
    expect(screen.queryByRole('button', { name: 'Add' })).toBeNull();
    expect(field('Entry').disabled).toBe(false);
  });
});

describe('a value that is typed', () => {
  const either = { anyOf: [{ type: 'integer' }, { type: 'string' }] };

  it.each([
    ['', undefined, either],
    ['2', 2, either],
    ['2 GiB', '2 GiB', either],
    ['2', '2', { type: 'string' }],
    ['true', 'true', { type: 'string' }],
    ['0.5', 0.5, { type: 'number' }],
    ['{"GPU": 1}', { GPU: 1 }, { type: 'object' }],
    ['"2"', '2', {}],
    ['two', 'two', {}],
    ['null', null, {}]
  ])('%j means %j', (text, value, schema) => {
    expect(meantValue(text, schema)).toEqual(value);
    expect(meantValue(shownText(value, schema), schema)).toEqual(value);
  });
});
