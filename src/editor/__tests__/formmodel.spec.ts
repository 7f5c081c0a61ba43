import { CodeEditor } from '@jupyterlab/codeeditor';
import { nullTranslator } from '@jupyterlab/translation';
import { FakeCluster, cluster, plain } from '../../__tests__/fakes';
import type { ClusterSpec } from '../../api/types';
import { SpecDraft } from '../draft';
import { FormModel } from '../formmodel';

const trans = nullTranslator.load('speccluster_lab');

describe('FormModel', () => {
  let text: CodeEditor.Model;
  let draft: SpecDraft;
  let form: FormModel;

  const names = () => Object.keys(draft.spec!.workers!);
  const undone = () => {
    // As after half a second, by a clock that is not faked: what comes at once is undone at once.
    const { undoManager } = text.sharedModel as unknown as {
      undoManager: { stopCapturing(): void };
    };
    undoManager.stopCapturing();
    return () => text.sharedModel.undo();
  };

  beforeEach(() => {
    text = new CodeEditor.Model({ mimeType: 'application/json' });
    const one = new FakeCluster(cluster('otter'));
    draft = new SpecDraft({ cluster: one, text, trans });
    form = new FormModel(draft);
  });

  afterEach(() => draft.dispose());

  it('shows what it adds, and what is next to what it removes', () => {
    expect(form.part).toEqual({ name: '0' });
    expect([form.add('a'), form.part]).toEqual(['a', { name: 'a' }]);
    expect(form.duplicate({ name: 'a' }, 'b')).toBe('b');
    expect(names()).toEqual(['0', 'a', 'b']);
    form.choose({ name: 'a' });
    form.remove('a');
    expect(form.part).toEqual({ name: 'b' });
    // What is not shown goes, and what is shown stays.
    form.remove('0');
    expect(form.part).toEqual({ name: 'b' });
    form.remove('b');
    expect([names(), form.part]).toEqual([[], { name: null }]);
  });

  it.each([
    ['add', () => form.add('a')],
    ['duplicate', () => form.duplicate(form.part)],
    ['remove', () => form.remove('0')],
    ['rename', () => form.rename('0', 'big')],
    ['change', () => form.change({ cls: 'distributed.Nanny' })]
  ])('undoes what is written: %s', (_, act) => {
    const before = text.sharedModel.getSource();
    const undo = undone();
    act();
    expect(text.sharedModel.getSource()).not.toBe(before);
    undo();
    expect([text.sharedModel.getSource(), draft.isDirty]).toEqual([
      before,
      false
    ]);
  });

  it('does nothing with what is not there, or cannot be called so', () => {
    const before = text.sharedModel.getSource();
    expect([
      form.choose({ name: 'gone' }),
      form.remove('gone'),
      form.rename('gone', 'big'),
      form.rename('0', ' '),
      form.duplicate({ name: 'gone' }),
      form.add('0'),
      form.add('')
    ]).toEqual([false, false, false, false, null, null, null]);
    text.sharedModel.setSource('{');
    expect([form.canAdd, form.add(), form.remove('0')]).toEqual([
      false,
      null,
      false
    ]);
    expect(form.part).toEqual({ name: '0' });
    text.sharedModel.setSource(before);
    expect(form.choice).toBe(0);
  });

  it('begins anew with each part that is shown, but not with another name', () => {
    form.duplicate(form.part);
    form.show('wanted');
    form.isTogether = true;
    const { choice } = form;
    form.rename('1', 'big');
    expect([form.choice, form.isTogether]).toEqual([choice, true]);
    expect(form.shown).toContain('wanted');
    form.choose({ name: '0' });
    expect([form.choice, form.isTogether]).toEqual([choice + 1, false]);
    expect(form.shown).not.toContain('wanted');
    // Of another who has removed it.
    const spec = plain(draft.spec) as unknown as ClusterSpec;
    draft.write({ ...spec, workers: {} });
    expect([form.choice, form.part]).toEqual([choice + 2, { name: null }]);
  });

  it('shows no option that the class does not take', async () => {
    await draft.classes.need();
    form.change({ cls: 'distributed.Nanny' });
    expect(form.hidden).toContain('silent');
    expect([form.show('silent'), form.show('preload')]).toEqual([true, false]);
    expect(form.shown).toContain('silent');
    expect(form.hidden).not.toContain('silent');
  });
});
