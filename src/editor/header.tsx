import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { SpecDraft } from './draft';
import type { Format } from './spectext';
import { FORMATS } from './spectext';

/**
 * The ways to look at a spec.
 */
export type View = 'form' | 'code' | 'history';

/**
 * The id of the tab that shows a panel.
 */
export function tabId(panelId: string): string {
  return `${panelId}-tab`;
}

/**
 * Which view is shown, and of what.
 */
export function EditorHeader(props: {
  draft: SpecDraft;
  view: View;
  panelId: (view: View) => string;
  onView: (view: View) => void;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { draft, view, panelId, onView, trans } = props;
  const names: Record<View, string> = {
    form: trans.__('Form'),
    code: trans.__('Code'),
    history: trans.__('History')
  };
  const views = Object.keys(names) as View[];
  const onKeyDown = (event: React.KeyboardEvent) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const index = views.indexOf(view);
    const next =
      step !== undefined
        ? views[(index + step + views.length) % views.length]
        : { Home: views[0], End: views[views.length - 1] }[event.key];
    if (next) {
      event.preventDefault();
      onView(next);
      document.getElementById(tabId(panelId(next)))?.focus();
    }
  };
  return (
    <>
      <div
        role="tablist"
        aria-label={trans.__('Views of the spec')}
        onKeyDown={onKeyDown}
      >
        {views.map(one => (
          <button
            key={one}
            type="button"
            role="tab"
            id={tabId(panelId(one))}
            aria-selected={one === view}
            aria-controls={panelId(one)}
            tabIndex={one === view ? 0 : -1}
            onClick={() => onView(one)}
          >
            {names[one]}
          </button>
        ))}
      </div>
      {view === 'code' && (
        <select
          className="jp-SpecCluster-formats"
          aria-label={trans.__('Written as')}
          value={draft.format}
          disabled={draft.spec === null}
          onChange={event => draft.setFormat(event.target.value as Format)}
        >
          {FORMATS.map(format => (
            <option key={format} value={format}>
              {format.toUpperCase()}
            </option>
          ))}
        </select>
      )}
      <span className="jp-SpecCluster-editorTitle">
        {trans.__('%1 · generation %2', draft.cluster.id, draft.generation)}
      </span>
    </>
  );
}
