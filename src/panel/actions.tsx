import {
  codeIcon,
  editIcon,
  launchIcon,
  listIcon,
  refreshIcon,
  stopIcon
} from '@jupyterlab/ui-components';
import * as React from 'react';
import { scaleIcon } from '../icons';
import { hasDashboard } from '../model/facts';
import { describePlan } from '../model/stake';
import type { ICluster, Plan } from '../tokens';
import { CommandIDs } from '../tokens';
import { CardButton } from './button';
import { rangeText } from './cardheader';
import { useMayExecute, usePanel, useReadOnly } from './context';
import { cardOf, focusCard, useFocusHandedOn } from './focus';
import { useSignal } from './signals';
import { Refusal, Stepper } from './stepper';

/**
 * What can be done with a cluster.
 */
function ActionsView({ cluster }: { cluster: ICluster }): React.JSX.Element {
  const { trans, commands } = usePanel();
  const isReadOnly = useReadOnly();
  const mayExecute = useMayExecute();
  const isStopping = useSignal(
    cluster.changed,
    () => cluster.isStopping || cluster.document.phase === 'stopping'
  );
  const isWatchable = useSignal(cluster.changed, () =>
    hasDashboard(cluster.document)
  );
  const refusalId = React.useId();
  const run = (command: string) =>
    void commands.execute(command, { id: cluster.id });
  return (
    <div className="jp-SpecCluster-actions">
      {!isReadOnly && <Sizing cluster={cluster} refusalId={refusalId} />}
      <div className="jp-SpecCluster-buttons">
        <CardButton
          icon={codeIcon}
          name={trans.__('Insert client code')}
          title={trans.__('Insert client code into the active notebook')}
          isDisabled={isStopping}
          onClick={() => run(CommandIDs.insertClientCode)}
        />
        <CardButton
          icon={launchIcon}
          name={trans.__('Dashboard')}
          title={
            isWatchable
              ? trans.__("Show dask's dashboard in a browser tab")
              : trans.__('There is no dashboard now')
          }
          // There all the time: what came and went would move the rest of the card.
          isDisabled={isStopping || !isWatchable}
          onClick={() => run(CommandIDs.openDashboard)}
        />
        {mayExecute && commands.hasCommand(CommandIDs.editSpec) && (
          <CardButton
            icon={editIcon}
            name={trans.__('Edit spec')}
            text={trans.__('Edit')}
            title={trans.__('Edit what the cluster should be')}
            isDisabled={isStopping}
            onClick={() => run(CommandIDs.editSpec)}
          />
        )}
        {commands.hasCommand(CommandIDs.openLogs) && (
          <CardButton
            icon={listIcon}
            name={trans.__('Open logs')}
            title={trans.__('Show what a cluster, or one of its workers, logs')}
            onClick={() => run(CommandIDs.openLogs)}
          />
        )}
        {!isReadOnly && (
          <CardButton
            icon={stopIcon}
            name={trans.__('Stop')}
            text={trans.__('Stop')}
            title={trans.__('End the workers and the scheduler')}
            isDisabled={isStopping}
            onClick={() => run(CommandIDs.stopCluster)}
          />
        )}
      </div>
      <Refusal cluster={cluster} id={refusalId} />
      <Question cluster={cluster} />
    </div>
  );
}

export const Actions = React.memo(ActionsView);

/**
 * How large a cluster is: a number, a range that it scales in by itself, or
 * the way back from having failed.
 */
function Sizing(props: {
  cluster: ICluster;
  refusalId: string;
}): React.JSX.Element {
  const { trans, commands } = usePanel();
  const { cluster } = props;
  const phase = useSignal(cluster.changed, () => cluster.document.phase);
  const adaptive = useSignal(cluster.changed, () => cluster.document.adaptive);
  const run = (command: string) =>
    void commands.execute(command, { id: cluster.id });
  if (phase === 'failed') {
    return (
      <SizingPart key="restart">
        <CardButton
          icon={refreshIcon}
          name={trans.__('Restart')}
          text={trans.__('Restart')}
          title={trans.__('Start the cluster again as it is wanted')}
          onClick={() => run(CommandIDs.restartCluster)}
        />
      </SizingPart>
    );
  }
  if (adaptive) {
    return (
      <SizingPart key="adaptive">
        <button
          type="button"
          className="jp-SpecCluster-button"
          title={trans.__(
            'Between how many workers the cluster scales by itself'
          )}
          onClick={() => run(CommandIDs.adaptCluster)}
        >
          <scaleIcon.react tag="span" className="jp-SpecCluster-buttonIcon" />
          {rangeText(adaptive, trans)}
        </button>
      </SizingPart>
    );
  }
  return (
    <SizingPart key="stepper">
      <Stepper {...props} />
      <CardButton
        icon={scaleIcon}
        name={trans.__('Scale')}
        title={trans.__('By workers, cores or memory, or adaptive')}
        isDisabled={phase === 'stopping' || phase === 'unreachable'}
        onClick={() => run(CommandIDs.scaleCluster)}
      />
    </SizingPart>
  );
}

/** One way to set the size; when another takes its place the card keeps the focus. */
function SizingPart({
  children
}: {
  children: React.ReactNode;
}): React.JSX.Element {
  const place = React.useRef<HTMLDivElement>(null);
  useFocusHandedOn(place, focusCard);
  return (
    <div ref={place} className="jp-SpecCluster-scale">
      {children}
    </div>
  );
}

/**
 * Asks whether fewer entries are meant, where data would have nowhere to go.
 */
function Question({
  cluster
}: {
  cluster: ICluster;
}): React.JSX.Element | null {
  const question = useSignal(cluster.changed, () => cluster.question);
  return question && <QuestionBox cluster={cluster} plan={question.plan} />;
}

function QuestionBox({
  cluster,
  plan
}: {
  cluster: ICluster;
  plan: Plan;
}): React.JSX.Element {
  const { trans } = usePanel();
  const place = React.useRef<HTMLDivElement>(null);
  const keep = React.useRef<HTMLButtonElement>(null);
  const textId = React.useId();
  React.useEffect(() => {
    // It comes some time after the click: who has gone on stays where they are.
    const { activeElement: active, body } = document;
    if (
      !active ||
      active === body ||
      cardOf(place.current!)?.contains(active)
    ) {
      keep.current!.focus();
    }
  }, []);
  useFocusHandedOn(place, focusCard);
  const { lines } = describePlan(plan, trans);
  return (
    <div
      ref={place}
      className="jp-SpecCluster-problem jp-SpecCluster-question"
      role="alertdialog"
      aria-label={trans.__('Scale down?')}
      aria-describedby={textId}
      onKeyDown={event => {
        if (event.key === 'Escape') {
          event.stopPropagation();
          cluster.answer(false);
        }
      }}
    >
      <div id={textId}>
        {lines.map((line, index) => (
          <p key={index}>{line}</p>
        ))}
      </div>
      <button
        type="button"
        ref={keep}
        className="jp-SpecCluster-button"
        onClick={() => cluster.answer(false)}
      >
        {trans.__('Keep them')}
      </button>
      <button
        type="button"
        className="jp-SpecCluster-button"
        onClick={() => cluster.answer(true)}
      >
        {trans.__('Scale down')}
      </button>
    </div>
  );
}
