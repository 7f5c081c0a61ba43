import { CodeEditor } from '@jupyterlab/codeeditor';
import { CodeMirrorEditor } from '@jupyterlab/codemirror';
import { nullTranslator } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';
import { fireEvent, screen, waitFor } from '@testing-library/dom';
import {
  FakeCluster,
  FakeManager,
  cluster,
  deferred,
  plain
} from '../../__tests__/fakes';
import { ApiError } from '../../api/errors';
import type { Cluster, ClusterSpec, Plan } from '../../api/types';
import { SpecEditor } from '../speceditor';

const trans = nullTranslator.load('speccluster_lab');

describe('SpecEditor', () => {
  let one: FakeCluster;
  let manager: FakeManager;
  let model: CodeEditor.Model;
  let editor: SpecEditor;

  const text = () => model.sharedModel.getSource();
  const write = (value: unknown) =>
    model.sharedModel.setSource(
      typeof value === 'string' ? value : JSON.stringify(value)
    );
  const changed = () => {
    const spec = plain(one.document.spec) as unknown as ClusterSpec;
    spec.workers!['0'].options = { processes: 4 };
    spec.workers!['0'].group = ['-0', '-1', '-2', '-3'];
    return spec;
  };
  const PLAN: Plan = {
    start: [],
    replace: ['0'],
    retire: [],
    at_stake: { keys: 214, nbytes: 2 ** 31 },
    stuck: false
  };
  const button = (name: string) =>
    screen.findByRole<HTMLButtonElement>('button', { name });
  const isDisabled = (button: HTMLButtonElement) =>
    button.disabled || button.getAttribute('aria-disabled') === 'true';
  const press = async (name: string) => {
    const found = await button(name);
    await waitFor(() => expect(isDisabled(found)).toBe(false));
    found.focus();
    fireEvent.click(found);
  };
  const notice = () => screen.queryByRole('alert')?.textContent || null;
  const plan = () => screen.findByRole('region', { name: /^Plan/ });
  const refuse = (options: ApiError.IOptions) =>
    one.replaceSpec.mockRejectedValue(new ApiError(options));

  beforeEach(() => {
    one = new FakeCluster(cluster('otter', { display_name: 'Brave otter' }));
    one.plan.mockResolvedValue(PLAN);
    manager = new FakeManager(one);
    model = new CodeEditor.Model({ mimeType: 'application/json' });
    editor = new SpecEditor({
      cluster: one,
      manager,
      factory: options => new CodeMirrorEditor(options),
      model,
      trans
    });
    Widget.attach(editor, document.body);
    editor.setView('code');
  });

  afterEach(() => editor.dispose());

  it('shows the spec in a text box with a name', async () => {
    expect(JSON.parse(text())).toEqual(plain(one.document.spec));
    expect(
      screen.getByRole('textbox', { name: 'Spec of Brave otter' })
    ).toBeTruthy();
    expect(isDisabled(await button('Apply'))).toBe(true);
    expect(isDisabled(await button('Revert'))).toBe(true);
    expect(await screen.findByText('Generation 1')).toBeTruthy();
    expect(screen.queryByRole('region', { name: /^Plan/ })).toBeNull();
  });

  it('undoes by keyboard what was written, and does it again', () => {
    const box = screen.getByRole('textbox', { name: 'Spec of Brave otter' });
    const key = (key: string, shiftKey = false) =>
      fireEvent.keyDown(box, {
        key,
        ctrlKey: true,
        shiftKey,
        keyCode: key.toUpperCase().charCodeAt(0)
      });
    const before = text();
    key('z');
    // There was nothing before the spec as it is.
    expect(text()).toBe(before);
    for (const [again, isShifted] of [
      ['y', false],
      ['Z', true]
    ] as const) {
      write(changed());
      const after = text();
      key('z');
      expect([text(), editor.isDirty]).toEqual([before, false]);
      key(again, isShifted);
      expect([text(), editor.isDirty]).toEqual([after, true]);
      key('z');
    }
  });

  it('shows what a change would do before it is applied', async () => {
    const spec = changed();
    write(spec);
    const shown = await plan();
    await waitFor(() =>
      expect(shown.textContent).toContain('replace 1 entry, rolling')
    );
    expect(shown.textContent).toContain('processes 3 → 4');
    expect(shown.textContent).toContain('workers 0-0 … 0-3');
    expect(shown.textContent).toContain('214 results (2 GiB) move');
    expect(one.replaceSpec).not.toHaveBeenCalled();
    one.replaceSpec.mockResolvedValue(
      cluster('otter', { generation: 2, spec: spec as Cluster['spec'] })
    );
    await press('Apply');
    expect(await screen.findByText('Generation 2')).toBeTruthy();
    expect(one.replaceSpec.mock.calls).toEqual([[spec, 1]]);
    expect(editor.isDirty).toBe(false);
    expect(notice()).toBeNull();
    // There is nothing to be applied any more, and the focus goes on.
    await waitFor(() =>
      expect(document.activeElement?.textContent).toBe('Code')
    );
  });

  it('names the field that the server refuses, and keeps what was written', async () => {
    const message = "class '<img src=x>' is not allowed here";
    refuse({
      code: 'class_not_allowed',
      message,
      field: 'workers.0.cls',
      status: 422
    });
    write(changed());
    const written = text();
    await press('Apply');
    await waitFor(() => expect(notice()).toBe(`workers.0.cls${message}`));
    expect(editor.node.querySelector('img')).toBeNull();
    expect(text()).toBe(written);
    expect(document.activeElement?.textContent).toBe('Apply');
  });

  it('keeps the focus at Apply while it is asked anew what that would do', async () => {
    write(changed());
    const apply = await button('Apply');
    await waitFor(() => expect(isDisabled(apply)).toBe(false));
    apply.focus();
    const { promise, resolve } = deferred<Plan>();
    one.plan.mockReturnValue(promise);
    // What adaptive scaling makes of it, which is no new generation.
    const grown = cluster('otter');
    const form = grown.spec.worker!;
    grown.spec = { ...grown.spec, workers: { '0': form, '1': form } };
    one.set({ document: grown });
    await waitFor(() => expect(isDisabled(apply)).toBe(true));
    // A browser takes the focus from what is disabled; the one of the tests does not.
    expect(apply.disabled).toBe(false);
    fireEvent.click(apply);
    expect(one.replaceSpec).not.toHaveBeenCalled();
    resolve(PLAN);
    await waitFor(() => expect(isDisabled(apply)).toBe(false));
    expect(document.activeElement).toBe(apply);
    fireEvent.click(apply);
    await waitFor(() => expect(one.replaceSpec).toHaveBeenCalledTimes(1));
  });

  it('says what is refused of a plan where the plan would be', async () => {
    one.plan.mockRejectedValue(
      new ApiError({
        code: 'invalid_input',
        message: 'no such',
        field: 'worker'
      })
    );
    write(changed());
    const shown = await plan();
    await waitFor(() => expect(shown.textContent).toContain('worker no such'));
    expect(notice()).toBeNull();
  });

  it('lets it be chosen between mine and theirs, after both were compared', async () => {
    write(changed());
    const newer = cluster('otter', { generation: 5 });
    newer.spec = plain(newer.spec) as unknown as ClusterSpec;
    newer.spec.worker = null;
    one.set({ document: newer });
    expect(await screen.findByRole('alert')).toBeTruthy();
    expect(notice()).toContain('changed elsewhere');
    expect(isDisabled(await button('Apply'))).toBe(true);
    await press('Compare');
    const rows = (await screen.findAllByRole('row')).map(row =>
      [...row.children].map(cell => cell.textContent)
    );
    expect(rows[0]).toEqual(['Field', 'Before', 'Mine', 'Theirs']);
    expect(rows).toContainEqual(['workers.0.options.processes', '3', '4', '3']);
    await press('Keep mine on top');
    await waitFor(() => expect(notice()).toBeNull());
    expect(JSON.parse(text())).toEqual({ ...changed(), worker: null });
  });

  it('takes theirs when asked to', async () => {
    write(changed());
    one.set({
      document: cluster('otter', {
        generation: 5,
        spec: { workers: {} } as Cluster['spec']
      })
    });
    await press('Take theirs');
    await waitFor(() => expect(notice()).toBeNull());
    expect(JSON.parse(text())).toEqual({ workers: {} });
  });

  it('goes back to what was wanted before, by a plan as well', async () => {
    const earlier = changed();
    one.generations.mockResolvedValue([
      { generation: 7, time: '2026-11-24T03:00:00Z', spec: earlier as never },
      { generation: 6, time: '2026-11-24T02:00:00Z', spec: one.document.spec }
    ]);
    fireEvent.click(await screen.findByRole('tab', { name: 'History' }));
    const items = await screen.findAllByRole('listitem');
    expect(items[0].textContent).toContain('processes 3 → 4');
    expect(items[1].textContent).toContain('The same as now.');
    await press('Go back to this');
    expect(JSON.parse(text())).toEqual(earlier);
    expect((await plan()).textContent).toContain('Plan');
    expect(one.replaceSpec).not.toHaveBeenCalled();
    expect(editor.view).toBe('code');
  });

  it('asks before what was written is lost to what was wanted before', async () => {
    const earlier = { ...changed(), worker: null };
    one.generations.mockResolvedValue([
      { generation: 7, time: '2026-11-24T03:00:00Z', spec: earlier as never }
    ]);
    write(changed());
    const written = text();
    fireEvent.click(await screen.findByRole('tab', { name: 'History' }));
    await press('Go back to this');
    expect(text()).toBe(written);
    fireEvent.click(await screen.findByText('Cancel'));
    await waitFor(() =>
      expect(document.activeElement?.textContent).toBe('Go back to this')
    );
    expect([text(), editor.view]).toEqual([written, 'history']);
    await press('Go back to this');
    fireEvent.click(await screen.findByText('Discard'));
    await waitFor(() => expect(editor.view).toBe('code'));
    expect(JSON.parse(text())).toEqual(earlier);
    expect(one.replaceSpec).not.toHaveBeenCalled();
  });

  it('moves between its views by keyboard', async () => {
    const code = await screen.findByRole('tab', { name: 'Code' });
    code.focus();
    fireEvent.keyDown(code, { key: 'End' });
    expect(document.activeElement?.textContent).toBe('History');
    expect(editor.view).toBe('history');
    await screen.findByRole('tab', { name: 'History', selected: true });
    fireEvent.keyDown(document.activeElement!, { key: 'ArrowLeft' });
    expect(editor.view).toBe('code');
  });

  it('shows, and changes nothing, where that is all that is allowed', async () => {
    manager.setReadOnly(true);
    expect(await screen.findByText('Read only')).toBeTruthy();
    expect(screen.queryByRole('button', { name: 'Apply' })).toBeNull();
    expect(screen.queryByRole('button', { name: 'Revert' })).toBeNull();
    expect(editor['_code'].editor.getOption('readOnly')).toBe(true);
  });

  it('applies nothing to a cluster that has gone', async () => {
    write(changed());
    one.dispose();
    await waitFor(() => expect(notice()).toBe('The cluster has gone.'));
    expect(isDisabled(await button('Apply'))).toBe(true);
  });
});
