import { Widget } from '@lumino/widgets';

/**
 * Says beside the text what is wrong with it.
 */
export class EditorNotice extends Widget {
  constructor() {
    super();
    this.addClass('jp-SpecCluster-editorNotice');
    this.node.setAttribute('role', 'alert');
    this.hide();
  }

  /**
   * Say something, in place of what was said before.
   */
  say({ field, message, action }: EditorNotice.IContent): void {
    const text = document.createElement('span');
    text.textContent = message;
    this.node.replaceChildren(text);
    if (field) {
      const place = document.createElement('code');
      place.textContent = field;
      this.node.prepend(place);
    }
    if (action) {
      const button = document.createElement('button');
      button.className = 'jp-SpecCluster-button';
      button.textContent = action.label;
      button.onclick = action.run;
      this.node.append(button);
    }
    this.show();
  }

  /**
   * Say nothing.
   */
  clear(): void {
    this.node.replaceChildren();
    this.hide();
  }
}

/**
 * Types of `EditorNotice`.
 */
export namespace EditorNotice {
  /**
   * What is said.
   */
  export interface IContent {
    /**
     * The field that is wrong, as a dotted path.
     */
    field?: string | null;

    /**
     * What is wrong.
     */
    message: string;

    /**
     * What can be done about it.
     */
    action?: { label: string; run: () => void };
  }
}
