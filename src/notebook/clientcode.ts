import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { ICodeCell } from '@jupyterlab/nbformat';
import type { INotebookTracker } from '@jupyterlab/notebook';
import { MimeData } from '@lumino/coreutils';
import { Drag } from '@lumino/dragdrop';
import { isClusterId } from '../model/facts';
import type { IClientCode } from '../tokens';

/**
 * What notebooks take as cells.
 */
export const CELLS_MIME = 'application/vnd.jupyter.cells';

/**
 * The code that connects to a cluster.
 *
 * @throws An error when `id` is not the id of a cluster: it becomes code.
 */
export function clientCode(id: string): string {
  if (!isClusterId(id)) {
    throw new Error('not the id of a cluster');
  }
  return [
    'from speccluster_lab import connect',
    `cluster = connect(${JSON.stringify(id)})`,
    'client = cluster.get_client()',
    'client'
  ].join('\n');
}

/**
 * What a drag of a cluster carries.
 */
export function clientData(id: string): MimeData {
  const source = clientCode(id);
  const cell: ICodeCell = {
    cell_type: 'code',
    execution_count: null,
    metadata: {},
    outputs: [],
    source
  };
  const data = new MimeData();
  data.setData(CELLS_MIME, [cell]);
  data.setData('text/plain', source);
  return data;
}

/**
 * The way from a cluster to a notebook.
 */
export class ClientCode implements IClientCode {
  /**
   * @param tracker - Knows which notebook is in use, where there are notebooks.
   * @param shell - Brings that notebook to the front.
   */
  constructor(tracker: INotebookTracker | null, shell: JupyterFrontEnd.IShell) {
    this._tracker = tracker;
    this._shell = shell;
  }

  /**
   * The code that connects to a cluster.
   */
  code(id: string): string {
    return clientCode(id);
  }

  /**
   * Start to drag the code of a cluster, as a cell.
   */
  drag(id: string, label: string, event: PointerEvent): void {
    const image = document.createElement('div');
    image.className = 'jp-SpecCluster-dragImage';
    image.textContent = label;
    const drag = new Drag({
      mimeData: clientData(id),
      dragImage: image,
      supportedActions: 'copy',
      proposedAction: 'copy',
      source: this
    });
    void drag.start(event.clientX, event.clientY).then(() => drag.dispose());
  }

  /**
   * Put the code of a cluster into the notebook that is in use, below its active cell.
   */
  insert(id: string): { path: string; index: number } | null {
    const panel = this._tracker?.currentWidget;
    const model = panel?.content.model;
    if (!panel || !model || model.readOnly) {
      return null;
    }
    const notebook = panel.content;
    const cells = model.sharedModel.cells;
    const active = notebook.activeCellIndex;
    const cell = { cell_type: 'code', source: clientCode(id), metadata: {} };
    const isEmpty =
      cells[active]?.cell_type === 'code' && cells[active].source === '';
    const index = isEmpty ? active : Math.min(active + 1, cells.length);
    model.sharedModel.transact(() => {
      if (isEmpty) {
        model.sharedModel.deleteCell(index);
      }
      model.sharedModel.insertCell(index, cell);
    });
    notebook.activeCellIndex = index;
    notebook.deselectAll();
    this._shell.activateById(panel.id);
    void notebook.scrollToItem(index);
    return { path: panel.context.path, index };
  }

  private readonly _tracker: INotebookTracker | null;
  private readonly _shell: JupyterFrontEnd.IShell;
}
