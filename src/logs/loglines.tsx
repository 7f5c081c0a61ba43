import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { ILine } from './lines';
import { partsOf } from './lines';
import type { LogModel } from './logmodel';

/** How high a line is before its font is known, in pixels. */
const USUAL = 20;

/** How many lines are there above and below those in view. */
const AROUND = 20;

/**
 * The lines of a log: of however many, only those in view are in the page.
 */
export function LogLines(props: {
  model: LogModel;
  name: string;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { model, name, trans } = props;
  const lines = model.shown;
  const box = React.useRef<HTMLDivElement>(null);
  const [{ top, height, row }, setView] = React.useState({
    top: 0,
    height: 0,
    row: USUAL
  });
  // What is in view by now, whoever has scrolled.
  const seen = React.useRef({ top, height, row });
  const before = React.useRef(lines);
  const { isFollowing } = model;

  const look = React.useCallback(() => {
    const { scrollTop, clientHeight } = box.current!;
    const { top, height, row } = seen.current;
    const size = parseFloat(getComputedStyle(box.current!).fontSize);
    // Whole pixels: parts of them would add up to lines, of ten thousand.
    const next = {
      top: scrollTop,
      height: clientHeight,
      row: Math.round(1.5 * size) || USUAL
    };
    if (next.top !== top || next.height !== height || next.row !== row) {
      seen.current = next;
      setView(next);
    }
  }, []);

  const keep = React.useCallback(() => {
    if (model.isFollowing) {
      box.current!.scrollTop = box.current!.scrollHeight;
    }
    look();
  }, [model, look]);

  React.useLayoutEffect(() => {
    if (!isFollowing && before.current !== lines) {
      // What is read stays where it is when the oldest lines go.
      const gone = before.current.indexOf(lines[0]);
      if (gone > 0) {
        box.current!.scrollTop -= gone * row;
      }
    }
    before.current = lines;
    keep();
  }, [lines, isFollowing, row, keep]);

  React.useEffect(() => {
    const sizes = new ResizeObserver(keep);
    sizes.observe(box.current!);
    return () => sizes.disconnect();
  }, [keep]);

  const onScroll = () => {
    const { scrollTop, scrollHeight, clientHeight } = box.current!;
    const before = seen.current.top;
    if (scrollTop < before) {
      model.setFollowing(false);
    } else if (
      scrollTop > before &&
      scrollHeight - scrollTop - clientHeight < row
    ) {
      model.setFollowing(true);
    }
    look();
  };

  const first = Math.max(0, Math.floor(top / row) - AROUND);
  const last = Math.ceil((top + height) / row) + AROUND;
  const longest = React.useMemo(
    () => lines.reduce((most, { text }) => Math.max(most, text.length), 0),
    [lines]
  );
  return (
    <div
      ref={box}
      className="jp-SpecCluster-logLines"
      role="log"
      // It would be read out without end.
      aria-live="off"
      aria-label={trans.__('Lines of the log of %1', name)}
      tabIndex={0}
      onScroll={onScroll}
    >
      <div
        className="jp-SpecCluster-logAll"
        style={{
          height: lines.length * row,
          minWidth: `${longest + 4}ch`,
          lineHeight: `${row}px`
        }}
      >
        <div style={{ transform: `translateY(${first * row}px)` }}>
          {lines.slice(first, last).map(line => (
            <Line key={line.seq} line={line} height={row} wanted={model.text} />
          ))}
        </div>
      </div>
    </div>
  );
}

/** Text nodes only, whatever it says. */
function LineView(props: {
  line: ILine;
  height: number;
  wanted: string;
}): React.JSX.Element {
  const { text, level, seq } = props.line;
  return (
    <div
      className="jp-SpecCluster-logLine"
      style={{ height: props.height }}
      data-line={seq}
      data-level={level}
    >
      {partsOf(text, props.wanted).map((part, index) =>
        index % 2 === 1 ? <mark key={index}>{part}</mark> : part
      )}
    </div>
  );
}

const Line = React.memo(LineView);
