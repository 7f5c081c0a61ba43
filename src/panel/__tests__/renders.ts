/** A component as React keeps it. */
interface IFiber {
  readonly tag: number;
  readonly flags: number;
  readonly type: { displayName?: string; name?: string; type?: IFiber['type'] };
  readonly alternate: IFiber | null;
  readonly child: IFiber | null;
  readonly sibling: IFiber | null;
}

/** React's numbers for what it has called: a function, one that forwards a reference, a memo. */
const FUNCTIONS = [0, 11, 14, 15];
const PERFORMED_WORK = 1;

const rendered: string[] = [];

function collect(fiber: IFiber): void {
  const { tag, flags, type, child, alternate } = fiber;
  if (FUNCTIONS.includes(tag) && flags & PERFORMED_WORK) {
    const { displayName, name, type: inner } = type;
    rendered.push(displayName ?? name ?? inner?.name ?? '?');
  }
  // What was left alone is the same object as before, with the flags of then.
  if (child !== alternate?.child) {
    for (let one = child; one; one = one.sibling) {
      collect(one);
    }
  }
}

// Where React looks for its developer tools when it is loaded: import this file first.
Object.assign(globalThis, {
  __REACT_DEVTOOLS_GLOBAL_HOOK__: {
    supportsFiber: true,
    inject: () => 1,
    onCommitFiberRoot: (_: number, root: { current: IFiber }) =>
      collect(root.current),
    onCommitFiberUnmount: () => undefined
  }
});

/**
 * The names of the components that React has rendered since it was last asked.
 */
export function takeRenders(): string[] {
  return rendered.splice(0);
}
