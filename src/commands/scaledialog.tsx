import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';
import { describeError } from '../model/describe';
import type { Adapt, ICluster, Scale } from '../tokens';
import type { IPlanWords } from '../model/stake';
import { describePlan } from '../model/stake';

/**
 * How large a cluster is wanted.
 */
export type Size =
  { kind: 'size'; scale: Scale } | { kind: 'adaptive'; range: Adapt };

type Unit = 'entries' | 'workers' | 'cores' | 'memory';

/** How long a number must be left alone before it is asked what it would do, in milliseconds. */
const QUIET = 300;

/** How long what it would do is waited for before the size can be set without, in milliseconds. */
const PATIENCE = 3_000;

/** What the server would refuse whatever the cluster. */
const MAXIMUM = 100_000;

/**
 * Let a person say how large a cluster is to be.
 *
 * @param cluster - The cluster.
 * @param kind - What the dialog offers at first.
 * @param trans - The translations.
 *
 * @returns What is wanted; null when the person wants no change after all.
 */
export async function askSize(
  cluster: ICluster,
  kind: Size['kind'],
  trans: TranslationBundle
): Promise<Size | null> {
  const first = cluster.document.adaptive ? 'adaptive' : kind;
  const { button, value } = await showDialog({
    title: trans.__('Scale %1', cluster.document.display_name),
    body: new SizeForm(cluster, first, trans),
    buttons: [
      Dialog.cancelButton(),
      Dialog.okButton({ label: trans.__('Scale') })
    ],
    focusNodeSelector: 'input[type=number]'
  });
  return button.accept ? value : null;
}

class SizeForm extends ReactWidget implements Dialog.IBodyWidget<Size> {
  constructor(
    private readonly _cluster: ICluster,
    private readonly _kind: Size['kind'],
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('jp-SpecCluster-sizeForm');
  }

  getValue(): Size {
    return this._size;
  }

  protected override render(): React.JSX.Element {
    return (
      <SizeFields
        cluster={this._cluster}
        kind={this._kind}
        trans={this._trans}
        onChange={size => {
          this._size = size;
        }}
      />
    );
  }

  private _size: Size = { kind: 'size', scale: {} };
}

/**
 * The fields of the dialog, and what would come of them. The dialog cannot be
 * confirmed while one of them is not valid, nor before it has said what a size
 * would do.
 */
export function SizeFields(props: {
  cluster: ICluster;
  kind: Size['kind'];
  trans: TranslationBundle;
  onChange: (size: Size) => void;
}): React.JSX.Element {
  const { cluster, trans, onChange } = props;
  const { adaptive, counts } = cluster.document;
  const [kind, setKind] = React.useState(props.kind);
  const [unit, setUnit] = React.useState<Unit>('entries');
  const [amount, setAmount] = React.useState(String(cluster.entries));
  const [minimum, setMinimum] = React.useState(String(adaptive?.minimum ?? 0));
  const [maximum, setMaximum] = React.useState(
    String(adaptive ? (adaptive.maximum ?? '') : counts.expected)
  );
  const size = React.useMemo<Size>(
    () =>
      kind === 'size'
        ? { kind, scale: { [unit]: inUnit(amount, unit) } }
        : {
            kind,
            range: {
              minimum: Number(minimum),
              maximum: maximum === '' ? null : Number(maximum)
            }
          },
    [kind, unit, amount, minimum, maximum]
  );
  React.useEffect(() => onChange(size), [onChange, size]);
  const place = React.useRef<HTMLDivElement>(null);
  useDialogChecked(place, size);
  const names: Record<Unit, string> = {
    entries: trans.__('entries'),
    workers: trans.__('workers'),
    cores: trans.__('cores'),
    memory: trans.__('GiB of memory')
  };
  return (
    <div ref={place}>
      <fieldset className="jp-SpecCluster-kinds">
        <legend className="jp-SpecCluster-hidden">{trans.__('Scaling')}</legend>
        <Kind
          is={kind === 'size'}
          label={trans.__('Fixed size')}
          onSelect={() => setKind('size')}
        />
        <Kind
          is={kind === 'adaptive'}
          label={trans.__('Adaptive: grows and shrinks with its work')}
          onSelect={() => setKind('adaptive')}
        />
      </fieldset>
      {kind === 'size' ? (
        <div className="jp-SpecCluster-sizeRow">
          <NumberField
            label={trans.__('Size')}
            value={amount}
            step={unit === 'memory' ? 'any' : '1'}
            onChange={setAmount}
          />
          <select
            aria-label={trans.__('Unit')}
            value={unit}
            onChange={event => {
              const next = event.target.value as Unit;
              setUnit(next);
              setAmount(String(present(cluster, next)));
            }}
          >
            {Object.entries(names).map(([value, name]) => (
              <option key={value} value={value}>
                {name}
              </option>
            ))}
          </select>
        </div>
      ) : (
        <div className="jp-SpecCluster-sizeRow">
          <NumberField
            label={trans.__('Minimum')}
            value={minimum}
            step="1"
            onChange={setMinimum}
          />
          <NumberField
            label={trans.__('Maximum')}
            value={maximum}
            step="1"
            min={Number(minimum) || 0}
            isOptional
            placeholder={trans.__('as many as allowed')}
            onChange={setMaximum}
          />
          <span>{trans.__('workers')}</span>
        </div>
      )}
      {size.kind === 'size' ? (
        <Preview cluster={cluster} scale={size.scale} trans={trans} />
      ) : (
        <div className="jp-SpecCluster-plan">
          <p>
            {trans.__(
              'When there is less to do, those that hold least go first. What they hold moves to others before; where none can take it, they keep it and wait.'
            )}
          </p>
        </div>
      )}
    </div>
  );
}

function Kind(props: {
  is: boolean;
  label: string;
  onSelect: () => void;
}): React.JSX.Element {
  return (
    <label className="jp-SpecCluster-kind">
      <input
        type="radio"
        name="jp-SpecCluster-kind"
        checked={props.is}
        onChange={props.onSelect}
      />
      {props.label}
    </label>
  );
}

function NumberField(props: {
  label: string;
  value: string;
  step: string;
  min?: number;
  isOptional?: boolean;
  placeholder?: string;
  onChange: (value: string) => void;
}): React.JSX.Element {
  return (
    <label className="jp-SpecCluster-numberField">
      <span>{props.label}</span>
      <input
        type="number"
        required={!props.isOptional}
        min={props.min ?? 0}
        max={MAXIMUM}
        step={props.step}
        placeholder={props.placeholder}
        value={props.value}
        onChange={event => props.onChange(event.target.value)}
      />
    </label>
  );
}

/**
 * What a size would do, as the server sees it. Until it has said so the size
 * cannot be set; but not for ever, for a cluster that does not answer can be
 * scaled as well.
 */
function Preview(props: {
  cluster: ICluster;
  scale: Scale;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { cluster, scale, trans } = props;
  const [answer, setAnswer] = React.useState<{
    scale: Scale;
    words: IPlanWords;
  } | null>(null);
  const isNumber = Object.values(scale).every(one => one !== null);
  const words = isNumber && answer?.scale === scale ? answer.words : null;
  const isAwaited = isNumber && !words;
  const place = React.useRef<HTMLDivElement>(null);
  useDialogChecked(place, isAwaited);
  React.useEffect(() => {
    if (!isNumber) {
      return;
    }
    let isMeant = true;
    const show = (words: IPlanWords) => isMeant && setAnswer({ scale, words });
    let late: ReturnType<typeof setTimeout> | undefined;
    const timer = setTimeout(() => {
      late = setTimeout(() => {
        const line = trans.__('What this would do is not known yet.');
        show({ lines: [line], isWarning: true });
      }, PATIENCE);
      cluster
        .plan({ scale })
        .then(
          plan => show(describePlan(plan, trans)),
          (error: unknown) =>
            show({ lines: [describeError(error, trans)], isWarning: true })
        )
        .finally(() => clearTimeout(late));
    }, QUIET);
    return () => {
      isMeant = false;
      clearTimeout(timer);
      clearTimeout(late);
    };
  }, [cluster, scale, isNumber, trans]);
  return (
    <div
      ref={place}
      // JupyterLab lets no dialog be confirmed that has one of this class.
      className={`jp-SpecCluster-plan${isAwaited ? ' jp-mod-error' : ''}`}
      role="status"
      aria-label={trans.__('What this would do')}
      data-warning={words?.isWarning || undefined}
    >
      {isAwaited && <p>{trans.__('Finding out what this would do…')}</p>}
      {words?.lines.map((line, index) => (
        <p key={index}>{line}</p>
      ))}
    </div>
  );
}

/**
 * Have JupyterLab look again whether the dialog can be confirmed. It does so
 * before what is typed is drawn, and then no more.
 */
function useDialogChecked(
  place: React.RefObject<HTMLElement>,
  changed: unknown
): void {
  React.useLayoutEffect(() => {
    place.current!.dispatchEvent(new Event('input'));
  }, [place, changed]);
}

/** How large a cluster is to be now; nothing where that is not known. */
function present(cluster: ICluster, unit: Unit): number | '' {
  const { expected, registered, nthreads, memory_limit } =
    cluster.document.counts;
  // Both are known only of those that are there: the others will be like them.
  const whole = (there: number) =>
    registered === expected
      ? there
      : registered > 0
        ? Math.ceil((there * expected) / registered)
        : '';
  switch (unit) {
    case 'entries':
      return cluster.entries;
    case 'workers':
      return expected;
    case 'cores':
      return whole(nthreads);
    case 'memory': {
      const bytes = whole(memory_limit);
      // As it is: what is not changed is to change nothing.
      return bytes === '' ? '' : bytes / 2 ** 30;
    }
  }
}

function inUnit(text: string, unit: Unit): number | null {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0) {
    return null;
  }
  return unit === 'memory' ? Math.round(value * 2 ** 30) : Math.floor(value);
}
