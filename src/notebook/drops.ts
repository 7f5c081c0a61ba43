import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { Drag } from '@lumino/dragdrop';
import type { Widget } from '@lumino/widgets';
import { CODE_MIME } from './clientcode';
import { editorOf, insertText } from './editors';

/** Where text is written in consoles and in text editors. */
const TEXT = '.jp-CodeConsole-promptCell .cm-editor, .jp-FileEditor .cm-editor';

/**
 * Have code that is dragged onto consoles and text editors put there.
 * Notebooks take it as a cell by themselves.
 */
export function acceptDrops(shell: JupyterFrontEnd.IShell): void {
  const on = (type: string, act: (event: Drag.Event, widget: Widget) => void) =>
    document.addEventListener(
      type,
      event => {
        const drag = event as Drag.Event;
        const { target, mimeData } = drag;
        if (
          mimeData.hasData(CODE_MIME) &&
          target instanceof Element &&
          target.closest(TEXT)
        ) {
          const widget = [...shell.widgets('main')].find(one =>
            one.node.contains(target)
          );
          if (widget && editorOf(widget)) {
            event.preventDefault();
            event.stopPropagation();
            act(drag, widget);
          }
        }
      },
      true
    );
  on('lm-dragenter', () => undefined);
  on('lm-dragover', drag => {
    drag.dropAction = drag.proposedAction;
  });
  on('lm-drop', (drag, widget) => {
    drag.dropAction = 'copy';
    const editor = editorOf(widget)!;
    const { clientX: left, clientY: top } = drag;
    const position = editor.getPositionForCoordinate({
      left,
      top,
      right: left,
      bottom: top
    });
    if (position) {
      editor.setCursorPosition(position);
    }
    insertText(editor, String(drag.mimeData.getData(CODE_MIME)));
    shell.activateById(widget.id);
  });
}
