import type { CodeEditor } from '@jupyterlab/codeeditor';
import type { Widget } from '@lumino/widgets';

/**
 * What consoles and text editors have, and nothing else of them.
 */
interface ITextWidget {
  readonly console?: {
    readonly promptCell?: {
      readonly editor?: CodeEditor.IEditor | null;
    } | null;
    readonly sessionContext?: { readonly path?: string };
  };
  readonly content?: { readonly editor?: CodeEditor.IEditor };
  readonly context?: { readonly path?: string };
}

/**
 * Where text can be put in a console or a text editor; null in anything else.
 */
export function editorOf(widget: Widget): CodeEditor.IEditor | null {
  const { console, content } = widget as unknown as ITextWidget;
  return console?.promptCell?.editor ?? content?.editor ?? null;
}

/**
 * What people know a console or a text editor by.
 */
export function pathOf(widget: Widget): string {
  const { console, context } = widget as unknown as ITextWidget;
  return context?.path ?? console?.sessionContext?.path ?? widget.title.label;
}

/**
 * Put text in place of what is selected, on lines of its own.
 */
export function insertText(editor: CodeEditor.IEditor, text: string): void {
  const { line, column } = editor.getCursorPosition();
  const before = editor.getLine(line)?.slice(0, column) ?? '';
  editor.replaceSelection?.(before.trim() === '' ? text : `\n${text}\n`);
  editor.focus();
}
