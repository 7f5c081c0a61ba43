import { codeIcon, editIcon, stopIcon } from '@jupyterlab/ui-components';
import * as React from 'react';
import type { ICluster } from '../tokens';
import { CommandIDs } from '../tokens';
import { CardButton } from './button';
import { usePanel } from './context';
import { useSignal } from './signals';
import { Refusal, Stepper } from './stepper';

/**
 * What can be done with a cluster.
 */
function ActionsView({ cluster }: { cluster: ICluster }): React.JSX.Element {
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

export const Actions = React.memo(ActionsView);
