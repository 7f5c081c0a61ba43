import { LabShell } from '@jupyterlab/application';
import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { Widget } from '@lumino/widgets';
import { showInMainArea } from '../mainarea';

describe('showInMainArea', () => {
  const widget = { id: 'it', isAttached: false };
  const shown = widget as unknown as Widget;

  /** A shell whose areas of these names have room. */
  function shellWith(rooms: string[]) {
    return {
      add: jest.fn((one: typeof widget, area: string) => {
        one.isAttached = rooms.includes(area);
      }),
      activateById: jest.fn()
    };
  }

  beforeEach(() => {
    widget.isAttached = false;
  });

  it('shows it there', () => {
    const shell = shellWith(['main', 'right']);
    showInMainArea(shell as unknown as JupyterFrontEnd.IShell, shown, 'right');
    expect(shell.add.mock.calls).toEqual([[widget, 'main']]);
    expect(shell.activateById.mock.calls).toEqual([['it']]);
  });

  it('shows it elsewhere where that is full', () => {
    const shell = shellWith(['right']);
    showInMainArea(shell as unknown as JupyterFrontEnd.IShell, shown, 'right');
    expect(shell.add.mock.calls).toEqual([
      [widget, 'main'],
      [widget, 'right']
    ]);
    expect(shell.activateById.mock.calls).toEqual([['it']]);
  });

  it('only activates what is shown already', () => {
    const shell = shellWith(['main']);
    widget.isAttached = true;
    showInMainArea(shell as unknown as JupyterFrontEnd.IShell, shown, 'left');
    expect(shell.add).not.toHaveBeenCalled();
    expect(shell.activateById.mock.calls).toEqual([['it']]);
  });

  it('leaves it to JupyterLab when that is done', () => {
    const shell = Object.create(LabShell.prototype) as LabShell;
    const add = jest.spyOn(shell, 'add').mockImplementation(() => undefined);
    jest.spyOn(shell, 'activateById').mockImplementation(() => undefined);
    showInMainArea(shell, shown, 'right');
    expect(add.mock.calls).toEqual([[widget, 'main']]);
  });
});
