import { CodeEditor } from '@jupyterlab/codeeditor';
import { CodeMirrorEditor } from '@jupyterlab/codemirror';
import { nullTranslator } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';
import { fireEvent, screen } from '@testing-library/dom';
import { FakeCluster, cluster, deferred, plain } from '../../__tests__/fakes';
import { ApiError } from '../../api/errors';
import type { Cluster } from '../../api/types';
import { SpecEditor } from '../speceditor';

const trans = nullTranslator.load('speccluster_lab');

describe('SpecEditor', () => {
  let one: FakeCluster;
  let model: CodeEditor.Model;
  let editor: SpecEditor;

  const text = () => model.sharedModel.getSource();
  const write = (value: unknown) =>
    model.sharedModel.setSource(
      typeof value === 'string' ? value : JSON.stringify(value)
    );
  const changed = () => ({
    ...one.document.spec,
    workers: { '0': { cls: 'distributed.Nanny', group: null } }
  });
  const button = (name: string) =>
    screen.getByRole<HTMLButtonElement>('button', { name });
  const notice = () => screen.queryByRole('alert')?.textContent || null;
  const refuse = (options: ApiError.IOptions) =>
    one.replaceSpec.mockRejectedValue(new ApiError(options));
  const settle = () => new Promise(resolve => setTimeout(resolve));

  beforeEach(() => {
    one = new FakeCluster(cluster('otter', { display_name: 'Brave otter' }));
    model = new CodeEditor.Model({ mimeType: 'application/json' });
    editor = new SpecEditor({
      cluster: one,
      factory: options => new CodeMirrorEditor(options),
      model,
      trans
    });
    Widget.attach(editor, document.body);
  });

  afterEach(() => editor.dispose());

  it('shows the spec as JSON, in a text box with a name', () => {
    expect(JSON.parse(text())).toEqual(plain(one.document.spec));
    expect(
      screen.getByRole('textbox', { name: 'Spec of Brave otter' })
    ).toBeTruthy();
    expect(editor.isDirty).toBe(false);
    expect(button('Apply').disabled).toBe(true);
    expect(button('Revert').disabled).toBe(true);
    expect(screen.getByRole('status').textContent).toBe('Generation 1');
  });

  it('applies what was written, from the generation that it was made from', async () => {
    const spec = changed();
    one.replaceSpec.mockResolvedValue(
      cluster('otter', { generation: 2, spec: { ...spec } as Cluster['spec'] })
    );
    write(spec);
    expect(editor.isDirty).toBe(true);
    fireEvent.click(button('Apply'));
    await settle();
    expect(one.replaceSpec.mock.calls).toEqual([[spec, 1]]);
    expect(editor.generation).toBe(2);
    expect(editor.isDirty).toBe(false);
    expect(notice()).toBeNull();
    expect(screen.getByRole('status').textContent).toBe('Generation 2');
  });

  it('applies once at a time', async () => {
    const answer = deferred<Cluster>();
    one.replaceSpec.mockReturnValue(answer.promise);
    write(changed());
    void editor.apply();
    expect(button('Apply').disabled).toBe(true);
    await expect(editor.apply()).resolves.toBe(false);
    answer.resolve(cluster('otter', { generation: 2 }));
    await settle();
    expect(one.replaceSpec).toHaveBeenCalledTimes(1);
  });

  it.each([
    ['{', /^Not JSON: /],
    ['[]', /^A spec is a JSON object/],
    ['null', /^A spec is a JSON object/]
  ])('does not send %p', async (source, message) => {
    write(source);
    await expect(editor.apply()).resolves.toBe(false);
    expect(notice()).toMatch(message);
    expect(one.replaceSpec).not.toHaveBeenCalled();
    expect(text()).toBe(source);
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
    await expect(editor.apply()).resolves.toBe(false);
    expect(notice()).toBe(`workers.0.cls${message}`);
    expect(editor.node.querySelector('img')).toBeNull();
    expect(text()).toBe(written);
    expect(button('Apply').disabled).toBe(false);
  });

  it('lets a conflict be seen, and reloads on request only', async () => {
    refuse({ code: 'stale_generation', message: 'stale', status: 412 });
    write(changed());
    const written = text();
    await editor.apply();
    expect(notice()).toContain('changed elsewhere');
    expect(text()).toBe(written);
    const newer = cluster('otter', { generation: 5 });
    newer.spec.worker = null;
    one.refresh.mockResolvedValue(newer);
    fireEvent.click(button('Reload'));
    await settle();
    expect(JSON.parse(text())).toEqual(plain(newer.spec));
    expect(editor.generation).toBe(5);
    expect(notice()).toBeNull();
  });

  it('follows changes made elsewhere while nothing is written', () => {
    const newer = cluster('otter', { generation: 2 });
    newer.spec.worker = null;
    one.set({ document: newer });
    expect(JSON.parse(text()).worker).toBeNull();
    expect(editor.generation).toBe(2);
    expect(notice()).toBeNull();
  });

  it('keeps what was written when there are changes made elsewhere', () => {
    write(changed());
    const written = text();
    one.set({ document: cluster('otter', { generation: 2 }) });
    expect(text()).toBe(written);
    expect(editor.generation).toBe(1);
    expect(notice()).toContain('changed elsewhere');
  });

  it('is not disturbed by what is no change of the spec', () => {
    write(changed());
    const written = text();
    one.set({ document: cluster('otter', { phase: 'degraded' }) });
    expect(text()).toBe(written);
    expect(notice()).toBeNull();
  });

  it('reverts', () => {
    const before = text();
    write('{');
    fireEvent.click(button('Revert'));
    expect(text()).toBe(before);
    expect(editor.isDirty).toBe(false);
  });

  it('says when the server does not answer', async () => {
    refuse({ code: ApiError.NO_ANSWER, message: 'TypeError' });
    write(changed());
    await editor.apply();
    expect(notice()).toBe('The Jupyter server does not answer.');
  });

  it('applies nothing to a cluster that has gone', async () => {
    write(changed());
    one.dispose();
    expect(notice()).toBe('The cluster has gone.');
    expect(button('Apply').disabled).toBe(true);
    await expect(editor.apply()).resolves.toBe(false);
    expect(one.replaceSpec).not.toHaveBeenCalled();
  });

  it('listens to nobody any more when it is closed', () => {
    editor.dispose();
    expect(() => one.set({ document: cluster('otter') })).not.toThrow();
    expect(model.isDisposed).toBe(true);
  });
});
