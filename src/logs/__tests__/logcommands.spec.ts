import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Clipboard, Notification } from '@jupyterlab/apputils';
import { CommandRegistry } from '@lumino/commands';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { Widget } from '@lumino/widgets';
import { fireEvent, screen, waitFor } from '@testing-library/dom';
import { logsPlugin } from '..';
import { FakeCluster, FakeManager, cluster } from '../../__tests__/fakes';
import type { ILogViewers, Log } from '../../tokens';
import { CommandIDs } from '../../tokens';
import type { LogTab } from '../tab';

const OURS = [CommandIDs.followLog, CommandIDs.copyLog, CommandIDs.filterLog];

describe('commands of a log', () => {
  let commands: CommandRegistry;
  let tab: LogTab;
  const addItem = jest.fn();

  const run = (id: string, args: ReadonlyPartialJSONObject = {}) =>
    commands.execute(id, args);
  const shown = () => tab.content.model.shown.map(({ text }) => text);

  beforeEach(async () => {
    commands = new CommandRegistry();
    const one = new FakeCluster(cluster('otter'));
    const log: Log = {
      source: 'host',
      lines: [],
      complete: true,
      cursor: '',
      continues: true,
      unfinished: false
    };
    const lines = ['one INFO a', 'two ERROR b'];
    one.log.mockResolvedValueOnce({ ...log, lines, continues: false });
    one.log.mockResolvedValue(log);
    const shell = {
      add: (added: Widget) => {
        tab = added as LogTab;
        Widget.attach(added, document.body);
      },
      activateById: jest.fn()
    };
    addItem.mockClear();
    const app = { commands, shell } as unknown as JupyterFrontEnd;
    const viewers = (await logsPlugin.activate(
      app,
      new FakeManager(one),
      null,
      null,
      { addItem }
    )) as ILogViewers;
    await viewers.open(one);
    await waitFor(() => expect(shown()).toHaveLength(2));
    await screen.findByRole('log');
  });

  afterEach(async () => {
    tab.dispose();
    Notification.manager.dismiss();
    document.body.replaceChildren();
    jest.restoreAllMocks();
  });

  it('are in the palette while a log is in view, and described', async () => {
    expect(addItem.mock.calls).toEqual(
      OURS.map(command => [{ command, category: 'Clusters' }])
    );
    for (const id of OURS) {
      expect(Object.values(CommandIDs)).toContain(id);
      expect(commands.label(id)).toBeTruthy();
      expect(commands.caption(id)).toBeTruthy();
      expect(commands.isVisible(id) && commands.isEnabled(id)).toBe(true);
      const description = await commands.describedBy(id);
      expect(description.args).toMatchObject({
        properties: { widget: { type: 'string' } }
      });
    }
    tab.hide();
    expect(OURS.filter(id => commands.isVisible(id))).toEqual([]);
    await expect(run(CommandIDs.copyLog)).resolves.toBeNull();
    expect(Notification.manager.notifications[0].message).toBe(
      'No log is in use.'
    );
  });

  it('follow, or not', async () => {
    const isFollowed = () => commands.isToggled(CommandIDs.followLog);
    expect(isFollowed()).toBe(true);
    await expect(run(CommandIDs.followLog)).resolves.toEqual({
      isFollowed: false
    });
    expect(isFollowed()).toBe(false);
    await run(CommandIDs.followLog, { isFollowed: true });
    await run(CommandIDs.followLog, { isFollowed: true, widget: tab.id });
    expect(isFollowed()).toBe(true);
  });

  it('copy the lines that are shown, as the button does', async () => {
    const copy = jest.spyOn(Clipboard, 'copyToSystem').mockImplementation();
    const text = 'one INFO a\ntwo ERROR b';
    await expect(run(CommandIDs.copyLog)).resolves.toEqual({ text });
    expect(await screen.findByText('2 lines were copied')).toBeTruthy();
    fireEvent.click(screen.getByText('Copy'));
    expect(copy.mock.calls).toEqual([[text], [text]]);
    const noticed = jest.fn();
    commands.commandChanged.connect((_, { id }) => noticed(id));
    // The palette forgets what is marked in it whenever it is told.
    await run(CommandIDs.filterLog, { text: 'one' });
    await run(CommandIDs.filterLog, { text: '' });
    expect(noticed).not.toHaveBeenCalled();
    await run(CommandIDs.filterLog, { text: 'nothing' });
    expect(noticed).toHaveBeenCalledWith(CommandIDs.copyLog);
    expect(commands.isEnabled(CommandIDs.copyLog)).toBe(false);
    await expect(run(CommandIDs.copyLog)).resolves.toBeNull();
  });

  it('filter by text and level, or let it be typed', async () => {
    await expect(
      run(CommandIDs.filterLog, { level: 'error' })
    ).resolves.toEqual({ text: '', level: 'error' });
    expect(shown()).toEqual(['two ERROR b']);
    await run(CommandIDs.filterLog, { text: 'one', level: 'debug' });
    expect(shown()).toEqual(['one INFO a']);
    expect(document.activeElement).toBe(document.body);
    await run(CommandIDs.filterLog);
    expect(document.activeElement).toBe(screen.getByRole('searchbox'));
    expect(shown()).toEqual(['one INFO a']);
  });
});
