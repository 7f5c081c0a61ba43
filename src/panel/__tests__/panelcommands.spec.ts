import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { Signal } from '@lumino/signaling';
import { CommandIDs } from '../../tokens';
import { addPanelCommands } from '../panelcommands';
import type { ClusterPanel } from '../panel';
import { PanelView } from '../view';

describe('commands of the panel', () => {
  const commands = new CommandRegistry();
  const shell = {
    add: jest.fn(() => {
      panel.isAttached = true;
    }),
    activateById: jest.fn()
  };
  const panel = {
    id: 'panel',
    isAttached: true,
    view: new PanelView(),
    focusFilter: jest.fn(),
    reveal: jest.fn()
  };
  addPanelCommands(
    { commands, shell } as unknown as JupyterFrontEnd,
    panel as unknown as ClusterPanel,
    nullTranslator.load('speccluster_lab')
  );

  beforeEach(() => {
    shell.add.mockClear();
    shell.activateById.mockClear();
    panel.isAttached = true;
  });

  it('have a label, a caption and a description of their arguments', async () => {
    for (const id of commands.listCommands()) {
      expect(Object.values(CommandIDs)).toContain(id);
      expect(commands.label(id)).toBeTruthy();
      expect(commands.caption(id)).toBeTruthy();
      const description = await commands.describedBy(id);
      expect(description.args).toMatchObject({ type: 'object' });
    }
  });

  it('show the panel where it is', async () => {
    await commands.execute(CommandIDs.showPanel);
    expect(shell.add).not.toHaveBeenCalled();
    expect(shell.activateById.mock.calls).toEqual([['panel']]);
    expect(panel.reveal).not.toHaveBeenCalled();
    await commands.execute(CommandIDs.showPanel, { id: 'otter' });
    expect(panel.reveal.mock.calls).toEqual([['otter']]);
  });

  it('open it in the main area where it is nowhere', async () => {
    panel.isAttached = false;
    await commands.execute(CommandIDs.showPanel);
    expect(shell.add.mock.calls).toEqual([[panel, 'main']]);
    expect(shell.activateById.mock.calls).toEqual([['panel']]);
  });

  it('show the workers of a cluster, and hide them', async () => {
    expect(commands.isEnabled(CommandIDs.showWorkers)).toBe(false);
    const run = (args: { isShown?: boolean } = {}) =>
      commands.execute(CommandIDs.showWorkers, { id: 'otter', ...args });
    const isShown = () => [
      panel.view.isOpen('otter'),
      commands.isToggled(CommandIDs.showWorkers, { id: 'otter' })
    ];
    await expect(run({ isShown: true })).resolves.toEqual({ isShown: true });
    expect(isShown()).toEqual([true, true]);
    await run();
    expect(isShown()).toEqual([false, false]);
    await run();
    expect(isShown()).toEqual([true, true]);
    expect(panel.view.isOpen('heron')).toBe(false);
    expect(panel.reveal).toHaveBeenLastCalledWith('otter');
  });

  it('look for something', async () => {
    await commands.execute(CommandIDs.filterClusters, { text: 'otter' });
    expect(panel.view.arrangement.filter).toBe('otter');
    expect(panel.focusFilter).toHaveBeenCalled();
    await commands.execute(CommandIDs.filterClusters);
    expect(panel.view.arrangement.filter).toBe('otter');
  });

  it('put in order, and say which order it is', async () => {
    const isToggled = (by: string) =>
      commands.isToggled(CommandIDs.orderClusters, { by });
    await commands.execute(CommandIDs.orderClusters, { by: 'memory' });
    expect(isToggled('memory')).toBe(true);
    expect(isToggled('age')).toBe(false);
    await commands.execute(CommandIDs.orderClusters);
    expect(isToggled('age')).toBe(true);
  });

  it('group by phase and back', async () => {
    await commands.execute(CommandIDs.groupClusters);
    expect(panel.view.arrangement.isGrouped).toBe(true);
    expect(commands.isToggled(CommandIDs.groupClusters)).toBe(true);
    await commands.execute(CommandIDs.groupClusters);
    expect(panel.view.arrangement.isGrouped).toBe(false);
  });
});

describe('PanelView', () => {
  it('keeps order and grouping in the settings, and follows them', () => {
    const values: Record<string, unknown> = {
      order: 'name',
      groupByPhase: true
    };
    const settings = {
      changed: new Signal<unknown, void>({}),
      get: (key: string) => ({ composite: values[key] }),
      set: jest.fn(async () => undefined)
    };
    const view = new PanelView();
    view.bind(settings as unknown as ISettingRegistry.ISettings);
    expect(view.arrangement).toMatchObject({ order: 'name', isGrouped: true });
    view.setOrder('phase');
    view.setGrouped(false);
    view.setFilter('otter');
    expect(settings.set.mock.calls).toEqual([
      ['order', 'phase'],
      ['groupByPhase', false]
    ]);
    values.order = 'nonsense';
    settings.changed.emit();
    expect(view.arrangement).toMatchObject({ order: 'age', filter: 'otter' });
  });
});
