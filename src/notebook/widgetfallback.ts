import type { NotebookPanel } from '@jupyterlab/notebook';
import { Panel } from '@lumino/widgets';

/**
 * Says that a widget of ours and a table are in a bundle.
 */
export const SHOWN_MIME = 'application/vnd.speccluster-lab.cluster+json';

const WIDGET_MIME = 'application/vnd.jupyter.widget-view+json';

/** What the widget's own part of the page makes. */
const WIDGET = '.speccluster-widget';

/** Before the widgets' own, which is at -10. */
const RANK = -20;

/** When a kernel that says nothing is taken for one that is busy. */
const BUSY_AFTER = 300;

type Registry = NotebookPanel['content']['rendermime'];
type Renderer = ReturnType<Registry['createRenderer']>;
type Model = Parameters<Renderer['renderModel']>[0];

/**
 * Have a notebook show the table of a cluster wherever its widget is not
 * there: before there is a kernel, and after it has gone.
 */
export function addFallback({ content, sessionContext }: NotebookPanel): void {
  const { rendermime } = content;
  rendermime.addFactory(
    {
      // What is not trusted is shown as any table is.
      safe: true,
      mimeTypes: [SHOWN_MIME],
      createRenderer: () =>
        new ShownCluster(rendermime, model => isThere(sessionContext, model))
    },
    RANK
  );
}

/**
 * Whether a notebook's kernel has a widget, or is too busy to say.
 */
async function isThere(
  context: NotebookPanel['sessionContext'],
  model: string
): Promise<boolean> {
  await context.ready;
  const kernel = context.session?.kernel;
  if (!kernel) {
    return false;
  }
  const target = { target_name: 'jupyter.widget' };
  const said = kernel.requestCommInfo(target).then(
    ({ content }) => content.status !== 'ok' || model in content.comms,
    // The kernel has gone meanwhile.
    () => false
  );
  const silent = new Promise<boolean>(resolve =>
    setTimeout(() => resolve(true), BUSY_AFTER)
  );
  return Promise.race([said, silent]);
}

/**
 * A cluster as a table, until its widget is there.
 */
export class ShownCluster extends Panel {
  /**
   * @param rendermime - Renders both.
   * @param isThere - Whether there may be a widget of this id.
   */
  constructor(
    rendermime: Registry,
    isThere: (model: string) => Promise<boolean>
  ) {
    super();
    this._rendermime = rendermime;
    this._isThere = isThere;
  }

  /**
   * Show the table, and the widget as soon as there is one.
   */
  async renderModel(model: Model): Promise<void> {
    const table = this._rendermime.createRenderer('text/html');
    this.addWidget(table);
    await table.renderModel(model);
    const shown = model.data[WIDGET_MIME] as { model_id?: string } | undefined;
    if (
      model.trusted &&
      shown?.model_id &&
      this._rendermime.mimeTypes.includes(WIDGET_MIME) &&
      (await this._isThere(shown.model_id)) &&
      !this.isDisposed
    ) {
      const widget = this._rendermime.createRenderer(WIDGET_MIME);
      widget.hide();
      this.addWidget(widget);
      this._exchange(table, widget);
      await widget.renderModel(model);
    }
  }

  /**
   * Stop to look for the widget.
   */
  override dispose(): void {
    this._looking?.disconnect();
    super.dispose();
  }

  private _exchange(table: Renderer, widget: Renderer): void {
    this._looking = new MutationObserver(() => {
      if (widget.node.querySelector(WIDGET)) {
        this._looking?.disconnect();
        table.hide();
        widget.show();
      }
    });
    this._looking.observe(widget.node, { childList: true, subtree: true });
  }

  private readonly _rendermime: Registry;
  private readonly _isThere: (model: string) => Promise<boolean>;
  private _looking: MutationObserver | null = null;
}
