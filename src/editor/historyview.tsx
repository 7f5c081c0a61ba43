import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReadonlyJSONValue } from '@lumino/coreutils';
import * as React from 'react';
import type { Generation } from '../api/types';
import { describeError } from '../model/describe';
import { formatMoment } from '../model/locale';
import { changesBetween } from './changes';
import type { SpecDraft } from './draft';
import { ChangeList } from './planview';

/** How many differences are shown of an earlier state. */
const CHANGES = 8;

/**
 * What was wanted of the cluster before. One of these can be taken up again:
 * it becomes what is written, with its plan, and is applied like any change.
 */
export function HistoryView(props: {
  draft: SpecDraft;
  onTake: (earlier: Generation) => void;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { draft, onTake, trans } = props;
  const { cluster } = draft;
  const { generation } = draft.isGone ? draft : cluster.document;
  const [found, setFound] = React.useState<readonly Generation[] | null>(null);
  const [error, setError] = React.useState<string | null>(null);
  React.useEffect(() => {
    let isMeant = true;
    cluster.generations().then(
      generations => {
        if (isMeant) {
          setFound(generations);
          setError(null);
        }
      },
      (reason: unknown) => {
        if (isMeant) {
          setError(describeError(reason, trans));
        }
      }
    );
    return () => {
      isMeant = false;
    };
  }, [cluster, generation, trans]);
  if (error !== null) {
    return <p role="alert">{error}</p>;
  }
  if (found === null) {
    return <p>{trans.__('Loading…')}</p>;
  }
  if (found.length === 0) {
    return <p>{trans.__('The spec is as it was in the beginning.')}</p>;
  }
  return (
    <ol aria-label={trans.__('Earlier specs')}>
      {found.map(one => (
        <Earlier
          key={one.generation}
          earlier={one}
          draft={draft}
          onTake={onTake}
          trans={trans}
        />
      ))}
    </ol>
  );
}

function Earlier(props: {
  earlier: Generation;
  draft: SpecDraft;
  onTake: (earlier: Generation) => void;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { earlier, draft, onTake, trans } = props;
  const { generation, spec, time } = earlier;
  const title = React.useId();
  const changes = changesBetween(
    draft.cluster.document.spec as unknown as ReadonlyJSONValue,
    spec as unknown as ReadonlyJSONValue
  );
  const rest = changes.length - CHANGES;
  return (
    <li aria-labelledby={title}>
      <div>
        <h3 id={title}>{trans.__('Generation %1', generation)}</h3>
        <time dateTime={time}>{formatMoment(time)}</time>
      </div>
      <p>
        {changes.length === 0 ? (
          trans.__('The same as now.')
        ) : (
          <>
            <ChangeList changes={changes.slice(0, CHANGES)} trans={trans} />{' '}
            {rest > 0 && trans._n('and %1 more', 'and %1 more', rest)}
          </>
        )}
      </p>
      {draft.canWrite && changes.length > 0 && (
        <button
          type="button"
          className="jp-SpecCluster-button"
          title={trans.__('Write this spec again, and see what it would do')}
          aria-describedby={title}
          onClick={() => onTake(earlier)}
        >
          {trans.__('Go back to this')}
        </button>
      )}
    </li>
  );
}
