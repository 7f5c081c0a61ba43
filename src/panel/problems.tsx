import * as React from 'react';
import type { IProblem } from '../model/facts';
import { CommandIDs } from '../tokens';
import { usePanel } from './context';

/** How many problems a card tells of before it only counts them. */
const PROBLEMS_SHOWN = 3;

/**
 * What a person should know, in the words of the server.
 */
export function Problems({
  cluster: id,
  problems
}: {
  cluster: string;
  problems: IProblem[];
}): React.JSX.Element | null {
  const { trans, commands } = usePanel();
  const failure = problems.find(({ isNotice }) => !isNotice);
  if (problems.length === 0) {
    return null;
  }
  const rest = problems.length - PROBLEMS_SHOWN;
  return (
    <div className="jp-SpecCluster-problems">
      {problems.slice(0, PROBLEMS_SHOWN).map((problem, index) => (
        <Problem key={index} problem={problem} />
      ))}
      {rest > 0 && (
        <p className="jp-SpecCluster-remark">
          {trans._n('and %1 more', 'and %1 more', rest)}
        </p>
      )}
      {failure && commands.hasCommand(CommandIDs.openLogs) && (
        <button
          type="button"
          className="jp-SpecCluster-link jp-SpecCluster-problemLog"
          title={trans.__('Show what was written about it')}
          onClick={() => {
            const { entry } = failure;
            void commands.execute(CommandIDs.openLogs, {
              id,
              ...(entry !== null && { member: entry })
            });
          }}
        >
          {trans.__('Logs')}
        </button>
      )}
    </div>
  );
}

/** What is the matter; the lines of a log that go with it are there on demand. */
function Problem(props: { problem: IProblem }): React.JSX.Element {
  const { trans } = usePanel();
  const { entry, message, isNotice } = props.problem;
  const [first, ...lines] = message.split('\n');
  return (
    <div className="jp-SpecCluster-problem" data-notice={isNotice || undefined}>
      <p>{entry === null ? first : trans.__('%1: %2', entry, first)}</p>
      {lines.length > 0 && (
        <details>
          <summary>
            {trans._n('%1 line of it', '%1 lines of it', lines.length)}
          </summary>
          <pre tabIndex={0}>{lines.join('\n')}</pre>
        </details>
      )}
    </div>
  );
}
