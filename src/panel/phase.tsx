import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { ClusterPhase, EntryPhase } from '../api/types';
import { usePanel } from './context';

type Phase = ClusterPhase | EntryPhase;

/**
 * How a phase is to be taken.
 */
type Mood = 'good' | 'busy' | 'troubled' | 'bad';

const MOODS: Record<Phase, Mood> = {
  running: 'good',
  pending: 'busy',
  starting: 'busy',
  waiting: 'busy',
  replacing: 'busy',
  retiring: 'busy',
  closing: 'busy',
  stopping: 'busy',
  degraded: 'troubled',
  backoff: 'troubled',
  unreachable: 'troubled',
  lost: 'bad',
  failed: 'bad'
};

/**
 * The word for a phase.
 */
export function phaseWord(phase: Phase, trans: TranslationBundle): string {
  switch (phase) {
    case 'pending':
      return trans.__('pending');
    case 'starting':
      return trans.__('starting');
    case 'waiting':
      return trans.__('waiting');
    case 'running':
      return trans.__('running');
    case 'degraded':
      return trans.__('degraded');
    case 'replacing':
      return trans.__('replacing');
    case 'retiring':
      return trans.__('retiring');
    case 'closing':
      return trans.__('closing');
    case 'backoff':
      return trans.__('backing off');
    case 'lost':
      return trans.__('lost');
    case 'stopping':
      return trans.__('stopping');
    case 'failed':
      return trans.__('failed');
    case 'unreachable':
      return trans.__('unreachable');
  }
}

/** Told apart by shape, for those who do not see the colours. */
const SHAPES: Record<Mood, React.ReactElement> = {
  good: <circle cx="6" cy="6" r="4" fill="currentColor" />,
  busy: (
    <circle
      cx="6"
      cy="6"
      r="4"
      fill="none"
      stroke="currentColor"
      strokeWidth="2"
      strokeDasharray="4.2 2.1"
    />
  ),
  troubled: <path d="M6 1.2 11.4 10.6H.6z" fill="currentColor" />,
  bad: (
    <path
      d="M2.2 2.2 9.8 9.8M9.8 2.2 2.2 9.8"
      stroke="currentColor"
      strokeWidth="2.2"
      strokeLinecap="round"
    />
  )
};

/**
 * A phase: a shape in its colour, and the word.
 */
export function PhaseLabel({ phase }: { phase: Phase }): React.JSX.Element {
  const { trans } = usePanel();
  return (
    <span className="jp-SpecCluster-phase" data-mood={MOODS[phase]}>
      <svg
        className="jp-SpecCluster-glyph"
        viewBox="0 0 12 12"
        width="12"
        height="12"
        aria-hidden="true"
      >
        {SHAPES[MOODS[phase]]}
      </svg>
      <span>{phaseWord(phase, trans)}</span>
    </span>
  );
}
