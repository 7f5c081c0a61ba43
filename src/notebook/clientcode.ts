import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { ICodeCell } from '@jupyterlab/nbformat';
import type { INotebookTracker } from '@jupyterlab/notebook';
import { MimeData } from '@lumino/coreutils';
import { Drag } from '@lumino/dragdrop';
import { isClusterId } from '../model/facts';
import type { ClientOf, IClientCode } from '../tokens';
import { editorOf, insertText, pathOf } from './editors';

/**
 * What notebooks take as cells.
 */
export const CELLS_MIME = 'application/vnd.jupyter.cells';

/**
 * What our own drags carry beside, so that editors know them from others.
 */
export const CODE_MIME = 'application/vnd.speccluster-lab.code';

/**
 * The code that connects to a cluster.
 *
 * @throws An error when what should be an id is none: it becomes code.
 */
export function clientCode(of: ClientOf): string {
  if (typeof of === 'string') {
    return [...connected(of), 'client'].join('\n');
  }
  if ('template' in of) {
    return [
      'from speccluster_lab import launch',
      `cluster = launch(${quoted(of.template)})`,
      'client = cluster.get_client()',
      'client'
    ].join('\n');
  }
  return [
    ...connected(of.id),
    `members = [${of.members.map(name => JSON.stringify(name)).join(', ')}]`,
    'future = client.submit(sum, [1, 2], workers=members)',
    'future.result()'
  ].join('\n');
}

/**
 * The code that connects a new kernel; one that has a client keeps it.
 *
 * @throws An error when what should be an id is none: it becomes code.
 */
export function automaticCode(id: string): string {
  return [
    'if "client" not in globals():',
    ...connected(id).map(line => `    ${line}`)
  ].join('\n');
}

function connected(id: string): string[] {
  return [
    'from speccluster_lab import connect',
    `cluster = connect(${quoted(id)})`,
    'client = cluster.get_client()'
  ];
}

/** Names of templates are as ids of clusters are. */
function quoted(id: string): string {
  if (!isClusterId(id)) {
    throw new Error('not the id of a cluster');
  }
  return JSON.stringify(id);
}

/**
 * What a drag carries.
 */
export function clientData(of: ClientOf): MimeData {
  const source = clientCode(of);
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
  data.setData(CODE_MIME, source);
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
  code(of: ClientOf): string {
    return clientCode(of);
  }

  /**
   * Start to drag the code.
   */
  drag(of: ClientOf, label: string, event: PointerEvent): void {
    const image = document.createElement('div');
    image.className = 'jp-SpecCluster-dragImage';
    image.textContent = label;
    const drag = new Drag({
      mimeData: clientData(of),
      dragImage: image,
      supportedActions: 'copy',
      proposedAction: 'copy',
      source: this
    });
    void drag.start(event.clientX, event.clientY).then(() => drag.dispose());
  }

  /**
   * Put the code where the cursor is, or into the notebook that is in use,
   * below its active cell.
   */
  insert(of: ClientOf): IClientCode.IPlace | null {
    const code = clientCode(of);
    const current = this._shell.currentWidget;
    const editor = current && editorOf(current);
    if (editor) {
      insertText(editor, code);
      return { path: pathOf(current), index: null };
    }
    const panel = this._tracker?.currentWidget;
    const model = panel?.content.model;
    if (!panel || !model || model.readOnly) {
      return null;
    }
    const notebook = panel.content;
    const cells = model.sharedModel.cells;
    const active = notebook.activeCellIndex;
    const cell = { cell_type: 'code', source: code, metadata: {} };
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
