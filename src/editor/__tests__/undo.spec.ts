import { EditorState } from '@codemirror/state';
import { EditorView } from '@codemirror/view';
import { CodeEditor } from '@jupyterlab/codeeditor';
import { fireEvent } from '@testing-library/dom';
import { undoKeys } from '../undo';

it.each([true, false])(
  'undoes nothing where nothing may be written: %p',
  may => {
    const model = new CodeEditor.Model();
    model.sharedModel.setSource('written');
    const view = new EditorView({
      extensions: [EditorState.readOnly.of(!may), undoKeys(model)]
    });
    fireEvent.keyDown(view.contentDOM, { key: 'z', ctrlKey: true });
    expect(model.sharedModel.getSource()).toBe(may ? '' : 'written');
    view.destroy();
    model.dispose();
  }
);
