import type { Extension } from '@codemirror/state';
import type { EditorView } from '@codemirror/view';
import { keymap } from '@codemirror/view';
import type { CodeEditor } from '@jupyterlab/codeeditor';

/**
 * The keys by which what was written can be undone and done again: JupyterLab's editors have
 * none of their own, and its shortcuts are for documents.
 */
export function undoKeys({ sharedModel }: CodeEditor.IModel): Extension {
  const change = (make: () => void) => (view: EditorView) => {
    if (!view.state.readOnly) {
      make();
    }
    return true;
  };
  const undo = change(() => sharedModel.undo());
  const redo = change(() => sharedModel.redo());
  return keymap.of([
    { key: 'Mod-z', run: undo, preventDefault: true },
    { key: 'Mod-y', run: redo, preventDefault: true },
    { key: 'Mod-Shift-z', run: redo, preventDefault: true }
  ]);
}
