import { ReactWidget } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import type * as React from 'react';

/**
 * A part of the editor that React draws, anew after each change of what it shows.
 */
export class DraftPart extends ReactWidget {
  /**
   * @param of - What it shows.
   * @param draw - Draws it.
   */
  constructor(
    of: { readonly changed: ISignal<unknown, void> },
    private readonly _draw: () => React.JSX.Element | null
  ) {
    super();
    of.changed.connect(this._onChanged, this);
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

  private _onChanged(): void {
    // What is not seen is drawn when it is shown.
    if (this.isVisible) {
      this.update();
    }
  }
}
