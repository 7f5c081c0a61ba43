import type { JupyterFrontEnd } from '@jupyterlab/application';
import { LabShell } from '@jupyterlab/application';
import type { Widget } from '@lumino/widgets';

/**
 * Show a widget in the main area, or elsewhere where that is full: Jupyter
 * Notebook's has room for one document, and refuses others without a word.
 *
 * @param otherwise - The area that it goes to then.
 */
export function showInMainArea(
  shell: JupyterFrontEnd.IShell,
  widget: Widget,
  otherwise: 'left' | 'right'
): void {
  if (!widget.isAttached) {
    shell.add(widget, 'main');
    // JupyterLab adds it later, while its layout is being restored.
    if (!widget.isAttached && !(shell instanceof LabShell)) {
      shell.add(widget, otherwise);
    }
  }
  shell.activateById(widget.id);
}
