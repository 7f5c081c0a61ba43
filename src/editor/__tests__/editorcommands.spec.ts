import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { MainAreaWidget } from '@jupyterlab/apputils';
import { Clipboard, Dialog, Notification } from '@jupyterlab/apputils';
import type { CodeEditor, IEditorServices } from '@jupyterlab/codeeditor';
import { CodeMirrorEditor } from '@jupyterlab/codemirror';
import { CommandRegistry } from '@lumino/commands';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { MessageLoop } from '@lumino/messaging';
import { Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';
import { fireEvent, screen, waitFor } from '@testing-library/dom';
import { editorPlugin } from '..';
import {
  FakeCluster,
  FakeManager,
  cluster,
  deferred,
  plain
} from '../../__tests__/fakes';
import { ApiError } from '../../api/errors';
import type { Cluster, ClusterSpec, Generation } from '../../api/types';
import type { ISpecEditors } from '../../tokens';
import { CommandIDs } from '../../tokens';
import { OFFERED } from '../editorcommands';

const OURS = [...new Set(OFFERED.map(({ command }) => command))];
const LOOKS = [
  CommandIDs.copySpecCode,
  CommandIDs.showView,
  CommandIDs.writeSpecAs,
  CommandIDs.chooseEntry
];
/** What can be done with the one entry that there is, of which the form of new ones is another. */
const ENTRY = [
  CommandIDs.addEntry,
  CommandIDs.duplicateEntry,
  CommandIDs.removeEntry,
  CommandIDs.renameEntry
];

describe('commands of the editor', () => {
  let commands: CommandRegistry;
  let manager: FakeManager;
  let one: FakeCluster;
  let model: CodeEditor.IModel;
  let widget: string;
  let tab: Widget;
  const addItem = jest.fn();

  const run = (id: string, args: ReadonlyPartialJSONObject = {}) =>
    commands.execute(id, args);
  const enabled = (args: ReadonlyPartialJSONObject = {}) =>
    OURS.filter(id => commands.isEnabled(id, args));
  const visible = () => OURS.filter(id => commands.isVisible(id));
  const notes = () =>
    Notification.manager.notifications.map(({ message }) => message);
  const text = () => JSON.parse(model.sharedModel.getSource());
  const write = (value: unknown) =>
    model.sharedModel.setSource(JSON.stringify(value));
  const changed = () => {
    const spec = plain(one.document.spec) as unknown as ClusterSpec;
    spec.workers!['0'].options = { processes: 4 };
    return spec;
  };
  const theirs = (): ClusterSpec => ({
    ...(plain(one.document.spec) as unknown as ClusterSpec),
    worker: null
  });
  const conflict = () =>
    one.set({
      document: cluster('otter', {
        generation: 5,
        spec: theirs() as Cluster['spec']
      })
    });
  const ready = (id: string) =>
    waitFor(() => expect(commands.isEnabled(id)).toBe(true));

  beforeEach(async () => {
    commands = new CommandRegistry();
    one = new FakeCluster(cluster('otter', { display_name: 'Otter' }));
    manager = new FakeManager(one);
    const shell = {
      add: (added: Widget) => {
        tab = added;
        Widget.attach(added, document.body);
      },
      activateById: jest.fn(),
      currentChanged: new Signal<object, void>({})
    };
    const services = {
      factoryService: {
        newDocumentEditor: (options: CodeEditor.IOptions) => {
          model = options.model;
          return new CodeMirrorEditor(options);
        }
      }
    } as unknown as IEditorServices;
    addItem.mockClear();
    const app = { commands, shell } as unknown as JupyterFrontEnd;
    // JupyterLab gives null for what it does not have.
    const none = [null, null, null];
    const editors = (await editorPlugin.activate(
      app,
      manager,
      services,
      ...none,
      { addItem }
    )) as ISpecEditors;
    widget = await editors.open(one);
  });

  afterEach(() => {
    tab.dispose();
    Notification.manager.dismiss();
    Dialog.flush();
    document.body.replaceChildren();
    jest.restoreAllMocks();
  });

  it('are all in the palette, with label, caption and arguments', async () => {
    expect(addItem.mock.calls.map(([item]) => item)).toEqual(
      OFFERED.map(item => ({ ...item, category: 'Clusters' }))
    );
    for (const { command, args } of OFFERED) {
      expect(Object.values(CommandIDs)).toContain(command);
      expect(commands.label(command)).toBeTruthy();
      expect(commands.label(command, args)).toBeTruthy();
      expect(commands.caption(command)).toBeTruthy();
      const description = await commands.describedBy(command);
      expect(description.args).toMatchObject({
        properties: { widget: { type: 'string' } }
      });
    }
  });

  it('are offered while an editor is in view', async () => {
    expect(visible()).toEqual(OURS);
    tab.hide();
    expect([visible(), enabled()]).toEqual([[], []]);
    await expect(run(CommandIDs.showView)).resolves.toBeNull();
    expect(notes()).toEqual(['No editor of a spec is in use.']);
    // Who says which one is meant needs not see it.
    await expect(
      run(CommandIDs.showView, { widget, view: 'history' })
    ).resolves.toEqual({ view: 'history' });
    await expect(
      run(CommandIDs.showView, { widget: 'other' })
    ).resolves.toBeNull();
    expect(notes()[0]).toBe('There is no tab other.');
  });

  it('apply what can be applied, and say when that is', async () => {
    const noticed = jest.fn();
    commands.commandChanged.connect((_, { id }) => noticed(id));
    await expect(run(CommandIDs.applySpec)).resolves.toBeNull();
    expect(one.replaceSpec).not.toHaveBeenCalled();
    const spec = changed();
    write(spec);
    expect(noticed).toHaveBeenCalledWith(CommandIDs.applySpec);
    // Not before it is known what it would do.
    expect(enabled()).toEqual([
      CommandIDs.revertSpec,
      CommandIDs.goBack,
      ...LOOKS,
      ...ENTRY,
      CommandIDs.showOption
    ]);
    await ready(CommandIDs.applySpec);
    const answer = deferred<Cluster>();
    one.replaceSpec.mockReturnValue(answer.promise);
    const applied = run(CommandIDs.applySpec, { widget });
    expect(commands.isEnabled(CommandIDs.revertSpec)).toBe(false);
    answer.resolve(
      cluster('otter', { generation: 2, spec: spec as Cluster['spec'] })
    );
    await expect(applied).resolves.toEqual({ id: 'otter', generation: 2 });
    expect(one.replaceSpec.mock.calls).toEqual([[spec, 1]]);
    expect(enabled()).toEqual([
      CommandIDs.goBack,
      ...LOOKS,
      ...ENTRY,
      CommandIDs.showOption
    ]);
  });

  it('answer null when the server refuses what is applied', async () => {
    const refusal = { code: 'x', message: 'no room', status: 422 };
    one.replaceSpec.mockRejectedValue(new ApiError(refusal));
    write(changed());
    await ready(CommandIDs.applySpec);
    await expect(run(CommandIDs.applySpec)).resolves.toBeNull();
    expect(await screen.findByText('no room')).toBeTruthy();
    expect(text()).toEqual(changed());
  });

  it('change nothing where only looking is allowed', async () => {
    write(changed());
    await ready(CommandIDs.applySpec);
    conflict();
    manager.setReadOnly(true);
    expect(enabled()).toEqual(LOOKS);
    const before = text();
    for (const id of OURS.filter(id => !LOOKS.includes(id))) {
      await expect(
        run(id, { widget, generation: 1, entry: '0', name: 'new' })
      ).resolves.toBeNull();
    }
    expect(text()).toEqual(before);
    expect(one.replaceSpec).not.toHaveBeenCalled();
  });

  it('drop the changes', async () => {
    const before = text();
    write(changed());
    expect(commands.label(CommandIDs.revertSpec)).toBe('Revert Spec');
    await run(CommandIDs.revertSpec);
    expect(text()).toEqual(before);
    expect(commands.isEnabled(CommandIDs.revertSpec)).toBe(false);
  });

  it('choose between mine and theirs, after both were compared', async () => {
    const choices = [CommandIDs.keepChanges, CommandIDs.compareChanges];
    expect(enabled()).not.toEqual(expect.arrayContaining(choices));
    write(changed());
    conflict();
    expect(enabled()).toEqual([
      CommandIDs.revertSpec,
      ...choices,
      CommandIDs.goBack,
      ...LOOKS,
      ...ENTRY,
      CommandIDs.showOption
    ]);
    expect(commands.label(CommandIDs.revertSpec)).toBe('Take Their Spec');
    await expect(run(CommandIDs.compareChanges)).resolves.toEqual({
      isCompared: true
    });
    expect(
      await screen.findByRole('columnheader', { name: 'Theirs' })
    ).toBeTruthy();
    expect(commands.isToggled(CommandIDs.compareChanges)).toBe(true);
    await run(CommandIDs.keepChanges);
    expect(text()).toEqual({ ...changed(), worker: null });
    expect(commands.isToggled(CommandIDs.compareChanges)).toBe(false);
    await run(CommandIDs.revertSpec);
    expect(text()).toEqual(theirs());
  });

  describe('that go back to an earlier spec', () => {
    const earlier = (generation: number): Generation => ({
      generation,
      time: '2026-11-24T03:00:00Z',
      spec: changed() as Generation['spec']
    });

    it('take the one that is said', async () => {
      one.generations.mockResolvedValue([earlier(7), earlier(6)]);
      await expect(run(CommandIDs.goBack, { generation: 6 })).resolves.toEqual({
        generation: 6
      });
      expect(text()).toEqual(changed());
      expect(one.replaceSpec).not.toHaveBeenCalled();
      await expect(
        run(CommandIDs.goBack, { generation: 5 })
      ).resolves.toBeNull();
      expect(notes()).toEqual(['Otter has no earlier generation 5.']);
    });

    it('ask which, and before changes are lost', async () => {
      one.generations.mockResolvedValue([earlier(7), earlier(6)]);
      write(theirs());
      const gone = run(CommandIDs.goBack);
      await screen.findByText('Which generation?');
      const choice =
        document.querySelector<HTMLSelectElement>('.jp-Dialog select')!;
      expect([...choice.options].map(({ text }) => text)).toEqual([
        expect.stringMatching(/^Generation 7 \(/),
        expect.stringMatching(/^Generation 6 \(/)
      ]);
      choice.selectedIndex = 1;
      fireEvent.click(screen.getByText('Ok'));
      fireEvent.click(await screen.findByText('Discard'));
      await expect(gone).resolves.toEqual({ generation: 6 });
      expect(text()).toEqual(changed());
    });

    it('say why there is none', async () => {
      one.generations.mockResolvedValue([]);
      await expect(run(CommandIDs.goBack)).resolves.toBeNull();
      expect(notes()).toEqual(['The spec is as it was in the beginning.']);
      const refusal = { code: 'x', message: 'no room', status: 409 };
      one.generations.mockRejectedValue(new ApiError(refusal));
      await expect(run(CommandIDs.goBack)).resolves.toBeNull();
      expect(notes()[0]).toBe('no room');
    });
  });

  it('copy the spec as Python, as the button does', async () => {
    const copy = jest.spyOn(Clipboard, 'copyToSystem').mockImplementation();
    const { code } = (await run(CommandIDs.copySpecCode)) as { code: string };
    expect(code).toContain('SpecCluster(\n    name="Otter",');
    expect(copy.mock.calls).toEqual([[code]]);
    expect(await screen.findByText('Copied')).toBeTruthy();
    fireEvent.click(screen.getByText('Copy as Python'));
    expect(copy.mock.calls).toEqual([[code], [code]]);
    model.sharedModel.setSource('{');
    expect(enabled()).not.toContain(CommandIDs.copySpecCode);
  });

  it('show the spec in another way, and write it in another format', async () => {
    const is = (id: string, args: ReadonlyPartialJSONObject) =>
      commands.isToggled(id, args);
    await expect(run(CommandIDs.showView, { view: 'code' })).resolves.toEqual({
      view: 'code'
    });
    expect(is(CommandIDs.showView, { view: 'code' })).toBe(true);
    expect(is(CommandIDs.showView, { view: 'form' })).toBe(false);
    await run(CommandIDs.showView);
    expect(is(CommandIDs.showView, { view: 'history' })).toBe(true);
    await run(CommandIDs.showView, { view: 'nonsense' });
    expect(is(CommandIDs.showView, { view: 'form' })).toBe(true);
    await expect(run(CommandIDs.writeSpecAs)).resolves.toEqual({
      format: 'yaml'
    });
    expect(model.sharedModel.getSource()).toMatch(/^scheduler:|^worker/m);
    await run(CommandIDs.writeSpecAs, { format: 'json' });
    expect(text()).toEqual(plain(one.document.spec));
    expect(is(CommandIDs.writeSpecAs, { format: 'json' })).toBe(true);
  });

  describe('of the form', () => {
    const shown = () =>
      screen.findByLabelText<HTMLSelectElement>('Entry').then(
        ({ value }) => value,
        () => null
      );
    const names = () => Object.keys(text().workers);
    const focused = (name: string) =>
      waitFor(() =>
        expect(document.activeElement).toBe(screen.getByLabelText(name))
      );

    it('add, copy, rename and remove entries, as the buttons do', async () => {
      await expect(run(CommandIDs.addEntry)).resolves.toEqual({ entry: '1' });
      await waitFor(async () => expect(await shown()).toBe('=1'));
      await run(CommandIDs.addEntry, { name: 'big' });
      await expect(
        run(CommandIDs.duplicateEntry, { entry: '0', name: 'copy' })
      ).resolves.toEqual({ entry: 'copy' });
      expect(text().workers.copy).toEqual(text().workers['0']);
      await expect(
        run(CommandIDs.renameEntry, { name: 'twin' })
      ).resolves.toEqual({ entry: 'twin' });
      expect(names()).toEqual(['0', '1', 'big', 'twin']);
      await waitFor(async () => expect(await shown()).toBe('=twin'));
      expect(screen.getByLabelText<HTMLInputElement>('Name').value).toBe(
        'twin'
      );
      await expect(run(CommandIDs.removeEntry)).resolves.toEqual({
        entry: 'twin'
      });
      await run(CommandIDs.removeEntry, { entry: '1' });
      expect(names()).toEqual(['0', 'big']);
      await waitFor(async () => expect(await shown()).toBe('=big'));
    });

    it('say which entry there is not, and what none can be called', async () => {
      for (const [id, args, note] of [
        [CommandIDs.removeEntry, { entry: 'gone' }, /^There is no entry gone/],
        [CommandIDs.chooseEntry, { entry: 'gone' }, /^There is no entry gone/],
        [CommandIDs.addEntry, { name: '0' }, /can be called “0”/],
        [CommandIDs.duplicateEntry, { name: ' ' }, /can be called “ ”/],
        [CommandIDs.renameEntry, { name: '' }, /can be called “”/]
      ] as const) {
        await expect(run(id, args)).resolves.toBeNull();
        expect(notes()[0]).toMatch(note);
      }
      expect(text()).toEqual(plain(one.document.spec));
    });

    it('show one entry after the other, and the form of new ones', async () => {
      await run(CommandIDs.addEntry, { name: 'big' });
      for (const entry of [null, '0', 'big']) {
        await expect(run(CommandIDs.chooseEntry)).resolves.toEqual({ entry });
      }
      await run(CommandIDs.showView, { view: 'code' });
      await run(CommandIDs.chooseEntry, { entry: null });
      expect(commands.isToggled(CommandIDs.showView, { view: 'form' })).toBe(
        true
      );
      expect(enabled()).not.toContain(CommandIDs.removeEntry);
      await waitFor(async () => expect(await shown()).toBe('new'));
    });

    it('mean no entry that is not in view, unless it is said', async () => {
      await run(CommandIDs.showView, { view: 'code' });
      expect(enabled()).toEqual([
        CommandIDs.goBack,
        ...LOOKS,
        CommandIDs.addEntry
      ]);
      await expect(run(CommandIDs.removeEntry)).resolves.toBeNull();
      expect(enabled({ entry: '0' })).toEqual([
        CommandIDs.goBack,
        ...LOOKS,
        ...ENTRY
      ]);
    });

    it('let a name and an option be typed', async () => {
      await run(CommandIDs.addEntry, { name: 'big' });
      await run(CommandIDs.showView, { view: 'code' });
      await run(CommandIDs.renameEntry, { entry: '0' });
      await focused('Name');
      // As the palette does, once a command has begun.
      const { content } = tab as MainAreaWidget;
      MessageLoop.sendMessage(content, Widget.Msg.ActivateRequest);
      await focused('Name');
      await expect(shown()).resolves.toBe('=0');
      await run(CommandIDs.showOption);
      await focused('Another option');
      await run(CommandIDs.showOption, { option: 'cls_of_mine' });
      expect(notes()[0]).toBe('There is no option “cls_of_mine”.');
      await run(CommandIDs.showOption, { option: 'nthreads' });
      expect(screen.getByLabelText('nthreads')).toBeTruthy();
    });

    it('change those that are the same together', async () => {
      write(changed());
      expect(enabled()).not.toContain(CommandIDs.changeAlike);
      await run(CommandIDs.duplicateEntry, { name: 'twin' });
      await expect(run(CommandIDs.changeAlike)).resolves.toEqual({
        isTogether: true
      });
      expect(commands.isToggled(CommandIDs.changeAlike)).toBe(true);
      await waitFor(() =>
        expect(
          screen.getByLabelText<HTMLInputElement>('Change as well').checked
        ).toBe(true)
      );
      fireEvent.change(screen.getByLabelText('nthreads'), {
        target: { value: '4' }
      });
      const { '0': first, twin } = text().workers;
      expect(first.options.nthreads).toBe(4);
      expect(first).toEqual(twin);
      await run(CommandIDs.changeAlike, { isTogether: false });
      expect(commands.isToggled(CommandIDs.changeAlike)).toBe(false);
    });
  });
});
