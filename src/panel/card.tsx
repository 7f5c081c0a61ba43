import {
  caretDownIcon,
  caretRightIcon,
  codeIcon,
  editIcon,
  stopIcon
} from '@jupyterlab/ui-components';
import * as React from 'react';
import type { Cluster } from '../api/types';
import type { IProblem } from '../model/facts';
import {
  conditionProblems,
  entryProblems,
  formatBytes,
  formatUsage,
  isReconciling,
  specEntries
} from '../model/facts';
import type { ICluster } from '../tokens';
import { CommandIDs } from '../tokens';
import { CardButton } from './button';
import { usePanel } from './context';
import { whenDragged } from './drag';
import { Meter } from './meter';
import { PhaseLabel } from './phase';
import { useSignal } from './signals';
import { Refusal, Stepper } from './stepper';
import { EntryTree } from './tree';

/**
 * One cluster.
 */
function ClusterCardView({
  cluster
}: {
  cluster: ICluster;
}): React.JSX.Element {
  const { trans, opened } = usePanel();
  const document = useSignal(cluster.changed, () => cluster.document);
  const [isOpen, setOpen] = React.useState(() => opened.has(cluster.id));
  const workersId = React.useId();
  const toggle = () => {
    if (isOpen) {
      opened.delete(cluster.id);
    } else {
      opened.add(cluster.id);
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
      <Header document={document} />
      <Facts document={document} />
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

function Header({ document }: { document: Cluster }): React.JSX.Element {
  const { trans, clientCode } = usePanel();
  const { id, display_name, owner, template } = document;
  const onPointerDown = whenDragged(event =>
    clientCode.drag(id, display_name, event)
  );
  const entries = specEntries(document);
  return (
    <header
      className="jp-SpecCluster-header"
      title={trans.__('Drag into a notebook to connect to %1', id)}
      onPointerDown={onPointerDown}
    >
      <span className="jp-SpecCluster-grip" aria-hidden="true" />
      <h3 className="jp-SpecCluster-name">{display_name}</h3>
      <PhaseLabel phase={document.phase} />
      <p className="jp-SpecCluster-origin">
        <span>{template ?? trans.__('no template')}</span>
        <span>{trans._n('%1 entry', '%1 entries', entries)}</span>
        {owner.detail && <span>{owner.detail}</span>}
      </p>
    </header>
  );
}

/**
 * How far what runs is from what is wanted.
 */
function Progress({
  document
}: {
  document: Cluster;
}): React.JSX.Element | null {
  const { trans } = usePanel();
  if (!isReconciling(document)) {
    return null;
  }
  const { registered, expected } = document.counts;
  const part = expected > 0 ? Math.min(1, registered / expected) : 0;
  return (
    <div
      className="jp-SpecCluster-progress"
      role="progressbar"
      aria-label={trans.__('Workers registered')}
      aria-valuemin={0}
      aria-valuemax={expected}
      aria-valuenow={registered}
    >
      <span style={{ width: `${(100 * part).toFixed(1)}%` }} />
    </div>
  );
}

function Facts({ document }: { document: Cluster }): React.JSX.Element {
  const { trans } = usePanel();
  const { registered, expected, nthreads, memory_used, memory_limit } =
    document.counts;
  const [used, limit] = formatUsage(memory_used, memory_limit);
  return (
    <dl className="jp-SpecCluster-facts">
      <div>
        <dd>{trans.__('%1 of %2', registered, expected)}</dd>{' '}
        <dt>{trans._n('worker', 'workers', expected)}</dt>
      </div>
      <div>
        <dd>{nthreads}</dd> <dt>{trans._n('thread', 'threads', nthreads)}</dt>
      </div>
      <div className="jp-SpecCluster-cardMemory">
        <dt className="jp-SpecCluster-hidden">{trans.__('memory')}</dt>
        <Meter value={memory_used} limit={memory_limit} />
        <dd>
          {memory_limit > 0
            ? trans.__('%1 of %2', used, limit)
            : formatBytes(memory_used)}
        </dd>
      </div>
    </dl>
  );
}

/** How many problems a card tells of before it only counts them. */
const PROBLEMS_SHOWN = 3;

function Problems({
  problems
}: {
  problems: IProblem[];
}): React.JSX.Element | null {
  const { trans } = usePanel();
  if (problems.length === 0) {
    return null;
  }
  const rest = problems.length - PROBLEMS_SHOWN;
  return (
    <div className="jp-SpecCluster-problems">
      {problems.slice(0, PROBLEMS_SHOWN).map(({ entry, message }, index) => (
        <p key={index} className="jp-SpecCluster-problem">
          {entry === null ? message : trans.__('%1: %2', entry, message)}
        </p>
      ))}
      {rest > 0 && (
        <p className="jp-SpecCluster-remark">
          {trans._n('and %1 more', 'and %1 more', rest)}
        </p>
      )}
    </div>
  );
}

function Actions({ cluster }: { cluster: ICluster }): React.JSX.Element {
  const { trans, commands } = usePanel();
  const isStopping = useSignal(
    cluster.changed,
    () => cluster.isStopping || cluster.document.phase === 'stopping'
  );
  const refusalId = React.useId();
  const run = (command: string) =>
    void commands.execute(command, { id: cluster.id });
  return (
    <div className="jp-SpecCluster-actions">
      <Stepper cluster={cluster} refusalId={refusalId} />
      <CardButton
        icon={codeIcon}
        name={trans.__('Insert client code')}
        title={trans.__('Insert client code into the active notebook')}
        isDisabled={isStopping}
        onClick={() => run(CommandIDs.insertClientCode)}
      />
      {commands.hasCommand(CommandIDs.editSpec) && (
        <CardButton
          icon={editIcon}
          name={trans.__('Edit spec')}
          text={trans.__('Edit')}
          title={trans.__('Edit what the cluster should be')}
          isDisabled={isStopping}
          onClick={() => run(CommandIDs.editSpec)}
        />
      )}
      <CardButton
        icon={stopIcon}
        name={trans.__('Stop')}
        text={trans.__('Stop')}
        title={trans.__('End the workers and the scheduler')}
        isDisabled={isStopping}
        onClick={() => run(CommandIDs.stopCluster)}
      />
      <Refusal cluster={cluster} id={refusalId} />
    </div>
  );
}
