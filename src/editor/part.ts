import { ReactWidget } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import { Signal } from '@lumino/signaling';
import type * as React from 'react';
import type { SpecDraft } from './draft';

/**
 * A part of the editor that React draws, anew after each change of the draft.
 */
export class DraftPart extends ReactWidget {
  /**
   * @param draft - What it shows.
   * @param draw - Draws it.
   */
  constructor(
    draft: SpecDraft,
    private readonly _draw: () => React.JSX.Element | null
  ) {
    super();
    draft.changed.connect(this._onDraft, this);
  }

  /**
   * Free what the part holds.
   */
  override dispose(): void {
    Signal.clearData(this);
    super.dispose();
  }

  protected override render(): React.JSX.Element | null {
    return this._draw();
  }

  protected override onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    this.update();
  }

  private _onDraft(): void {
    // What is not seen is drawn when it is shown.
    if (this.isVisible) {
      this.update();
    }
  }
}
