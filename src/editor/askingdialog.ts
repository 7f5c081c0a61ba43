import { Dialog } from '@jupyterlab/apputils';

/** Which of the buttons confirms. */
const CONFIRM = 1;

/** What the tabulator goes on with after the last button. */
const FIELDS = '.jp-Dialog-body :is(input, select, button):enabled';

/** In how many frames a form draws what is wrong with it. */
const FRAMES = 12;

/**
 * A dialog that stays open until what it asks for is done, or the person wants
 * it no more. What was typed outlives what goes wrong.
 */
export class AskingDialog<T> extends Dialog<unknown> {
  /**
   * @param options - What it shows: a button to cancel and one to confirm.
   * @param act - Does what is asked for; null when that failed.
   * @param keep - Called when it is closed with nothing said, by Escape or its
   *   cross: keeps what was typed. The button to cancel discards it.
   */
  constructor(
    options: Partial<Dialog.IOptions<unknown>>,
    private readonly _act: () => Promise<T | null>,
    private readonly _keep?: () => void
  ) {
    super(options);
    this.addClass('jp-SpecCluster-asking');
  }

  /**
   * Show the dialog.
   *
   * @returns What came of it; null when it was cancelled.
   */
  async ask(): Promise<T | null> {
    const { button } = await this.launch();
    return button.accept ? this._result : null;
  }

  /**
   * Confirm or cancel.
   */
  override resolve(index: number = CONFIRM): void {
    if (index === CONFIRM) {
      void this._confirm();
    } else {
      super.resolve(index);
    }
  }

  /**
   * Close it with nothing said.
   */
  override reject(): void {
    this._keep?.();
    super.reject();
  }

  /**
   * Leave to the parts of the dialog what is theirs.
   */
  override handleEvent(event: Event): void {
    const target = event.target instanceof Element ? event.target : null;
    if (event.type === 'keydown' && target) {
      const { key, shiftKey: isShifted } = event as KeyboardEvent;
      const isInCode = target.closest('.cm-editor') !== null;
      const isAButton = target.closest('.jp-Dialog-body button') !== null;
      if (isInCode && key === 'Escape' && !isCompleting()) {
        // The tabulator indents there: this is the way out.
        event.preventDefault();
        event.stopPropagation();
        this._button?.focus();
        return;
      }
      if (key === 'Tab' && !isShifted && target === this._button) {
        // The fields were not there yet when JupyterLab looked for the first.
        event.preventDefault();
        event.stopPropagation();
        this.node.querySelector<HTMLElement>(FIELDS)?.focus();
        return;
      }
      if (isInCode || (isAButton && key !== 'Escape')) {
        return;
      }
    }
    if (event.type === 'click' && target === this.node) {
      // A click beside it is no reason to lose what was typed.
      event.preventDefault();
      event.stopPropagation();
      return;
    }
    super.handleEvent(event);
  }

  private async _confirm(): Promise<void> {
    const button = this._button;
    if (!button || button.disabled) {
      return;
    }
    button.disabled = true;
    this.node.setAttribute('aria-busy', 'true');
    const result = await this._act();
    if (this.isDisposed) {
      return;
    }
    button.disabled = false;
    this.node.removeAttribute('aria-busy');
    if (result !== null) {
      this._result = result;
      super.resolve(CONFIRM);
    } else {
      this._focusWrong();
    }
  }

  /**
   * The first field that is wrong, once it is drawn as that; the button, if none is. Whoever has
   * gone elsewhere meanwhile stays there.
   */
  private _focusWrong(): void {
    const before = document.activeElement;
    const look = (frames: number) => {
      const now = document.activeElement;
      if (now !== before && now !== document.body) {
        return;
      }
      const wrong = this.node.querySelector<HTMLElement>(
        '.jp-Dialog-body [aria-invalid=true]:enabled'
      );
      if (wrong || frames === 0) {
        (wrong ?? this._button)?.focus();
      } else {
        requestAnimationFrame(() => look(frames - 1));
      }
    };
    requestAnimationFrame(() => look(FRAMES));
  }

  private get _button(): HTMLButtonElement | null {
    return this.node.querySelector<HTMLButtonElement>(
      '.jp-Dialog-footer .jp-mod-accept'
    );
  }

  private _result: T | null = null;
}

/** Whether a list of completions is open, which the key closes first. */
function isCompleting(): boolean {
  return document.querySelector('.cm-tooltip-autocomplete') !== null;
}
