import { caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import * as React from 'react';
import { conditionProblems, entryProblems } from '../model/facts';
import type { ICluster } from '../tokens';
import { Actions } from './actions';
import { CardHeader } from './cardheader';
import { usePanel } from './context';
import { Figures, Progress } from './figures';
import { Problems } from './problems';
import { useSignal } from './signals';
import { EntryTree } from './tree';

/**
 * One cluster.
 */
function ClusterCardView({
  cluster
}: {
  cluster: ICluster;
}): React.JSX.Element {
  const { trans, view } = usePanel();
  const document = useSignal(cluster.changed, () => cluster.document);
  const [isOpen, setOpen] = React.useState(() => view.opened.has(cluster.id));
  const workersId = React.useId();
  const toggle = () => {
    if (isOpen) {
      view.opened.delete(cluster.id);
    } else {
      view.opened.add(cluster.id);
    }
    setOpen(!isOpen);
  };
  const Caret = isOpen ? caretDownIcon : caretRightIcon;
  const problems = [
    ...conditionProblems(document),
    // Opened, each entry says it itself.
    ...(isOpen ? [] : entryProblems(document))
  ];
  return (
    <article
      className="jp-SpecCluster-card"
      aria-label={document.display_name}
      data-cluster-id={cluster.id}
      data-phase={document.phase}
    >
      <Progress document={document} />
      <CardHeader document={document} />
      <Figures counts={document.counts} />
      <Problems problems={problems} />
      <Actions cluster={cluster} />
      <button
        type="button"
        className="jp-SpecCluster-disclosure"
        aria-expanded={isOpen}
        aria-controls={workersId}
        onClick={toggle}
      >
        <Caret.react tag="span" className="jp-SpecCluster-buttonIcon" />
        {isOpen ? trans.__('Hide workers') : trans.__('Show workers')}
      </button>
      <div id={workersId} hidden={!isOpen}>
        {isOpen && <EntryTree cluster={document} />}
      </div>
    </article>
  );
}

export const ClusterCard = React.memo(ClusterCardView);
