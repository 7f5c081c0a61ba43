import * as React from 'react';
import { formatDuration } from '../model/duration';
import { formatMoment } from '../model/locale';
import { usePanel } from './context';

/** How often what is said by the second, and by the minute, is said anew, in milliseconds. */
const SECOND = 1_000;
const MINUTE = 60_000;

interface IShown {
  readonly node: HTMLElement;
  readonly say: () => string;
}

/**
 * One timer for all texts of a pace. It writes into the text nodes itself, so
 * that React has nothing to do for time that only passes.
 */
class Ticker {
  constructor(private readonly _period: number) {}

  add(shown: IShown): () => void {
    this._shown.add(shown);
    this._timer ??= setInterval(() => this._tick(), this._period);
    return () => {
      this._shown.delete(shown);
      if (this._shown.size === 0) {
        clearInterval(this._timer);
        this._timer = undefined;
      }
    };
  }

  private _tick(): void {
    for (const { node, say } of this._shown) {
      const text = say();
      if (node.textContent !== text) {
        node.textContent = text;
      }
    }
  }

  private readonly _shown = new Set<IShown>();
  private _timer: ReturnType<typeof setInterval> | undefined;
}

const bySecond = new Ticker(SECOND);
const byMinute = new Ticker(MINUTE);

/**
 * How long ago something was, or how long it is until then, kept up to date.
 */
export function Ticking(props: {
  /** The moment, as the server writes it. */
  moment: string;
  /** Whether it is still to come. */
  isAhead?: boolean;
  /** Whether seconds count. */
  isExact?: boolean;
  /** Makes a sentence of the length of time. */
  say?: (duration: string) => string;
}): React.JSX.Element {
  const { trans } = usePanel();
  const { moment, isAhead, isExact, say: wrap } = props;
  const place = React.useRef<HTMLTimeElement>(null);
  const at = Date.parse(moment);
  React.useLayoutEffect(() => {
    const node = place.current!;
    const say = () => {
      const seconds = ((isAhead ? 1 : -1) * (at - Date.now())) / 1000;
      const text =
        isExact || isAhead || seconds >= 60
          ? formatDuration(seconds, trans)
          : trans.__('now');
      return wrap ? wrap(text) : text;
    };
    node.textContent = say();
    return (isExact || isAhead ? bySecond : byMinute).add({ node, say });
  }, [at, isAhead, isExact, trans, wrap]);
  return (
    <time
      ref={place}
      className="jp-SpecCluster-time"
      dateTime={moment}
      title={formatMoment(moment)}
    />
  );
}
