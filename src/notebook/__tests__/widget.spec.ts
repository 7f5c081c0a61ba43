import { ASKED } from '../widgetpage';

const HOSTILE = '<img src=x onerror=alert(1)>';

type Message = Record<string, unknown>;

/**
 * The page's end of a widget's model.
 */
class FakeModel {
  constructor(private readonly _state: Record<string, Message>) {}

  readonly sent: Message[] = [];

  get(key: string): Message {
    return this._state[key];
  }

  on(event: string, call: (message: Message) => void): void {
    this._calls.set(event, call);
  }

  send(message: Message): void {
    this.sent.push(message);
  }

  /** A message of the kernel. */
  say(message: Message): void {
    this._calls.get('msg:custom')!(message);
  }

  /** News as a part of the state. */
  set(news: Message): void {
    this._state.news = news;
    this._calls.get('change:news')!({});
  }

  private readonly _calls = new Map<string, (message: Message) => void>();
}

const CLUSTER = {
  id: 'brave-otter',
  created: '2026-01-01T00:00:00Z',
  name: HOSTILE,
  phase: 'running',
  wanted: 1,
  scales: true,
  expected: 1,
  registered: 1,
  threads: 2,
  used: 64,
  limit: 2048,
  adaptive: null,
  problems: []
};
const ENTRY = { name: '0', phase: 'running', why: null };
const MEMBER = {
  name: '0',
  of: '0',
  status: 'running',
  threads: 2,
  used: 64,
  limit: 2048,
  cpu: 1,
  tasks: 0
};

describe('the widget', () => {
  const { default: widget } = jest.requireActual(
    '../../../speccluster_lab/client/static/widget.js'
  );
  let node: HTMLElement;
  let model: FakeModel;
  let see: (isIntersecting: boolean) => void;

  beforeEach(() => {
    // All that is drawn is drawn at once, and all of it is in view.
    window.requestAnimationFrame = call => {
      call(0);
      return 0;
    };
    (window as unknown as Message).IntersectionObserver = class {
      constructor(call: (entries: unknown[]) => void) {
        see = isIntersecting => call([{ isIntersecting }]);
      }
      observe() {
        see(true);
      }
      disconnect() {}
    };
    model = new FakeModel({
      shown: {
        n: 4,
        rows: { '': CLUSTER, e0: ENTRY, m0: MEMBER },
        sizes: [[3, 1, 1]]
      },
      news: {}
    });
    node = document.createElement('div');
    document.body.append(node);
    widget.initialize({ model });
    widget.render({ model, el: node });
  });

  afterEach(() => node.remove());

  const text = () => node.textContent!;
  const named = (name: string) =>
    [...node.querySelectorAll<HTMLElement>('button, input')].find(
      one => (one.getAttribute('aria-label') ?? one.textContent) === name
    )!;

  it('shows names as text, and says how far it has come', () => {
    expect(model.sent).toEqual([{ here: 4 }]);
    expect(node.querySelector('strong')!.textContent).toBe(HOSTILE);
    expect(node.querySelector('img')).toBeNull();
    expect(text()).toContain('1 of 1 worker · 2 threads · 64 MiB of 2 GiB');
    expect(node.querySelectorAll('tbody tr')).toHaveLength(1);
  });

  it('takes news as what has changed since the state, and no more', () => {
    model.set({ n: 5, since: 4, set: { '': { adaptive: [2, 3] } } });
    expect(text()).toContain('Adaptive, 2 to 3 workers');
    expect(named('More entries').closest('[hidden]')).not.toBeNull();
    model.set({ n: 7, since: 4, set: { '': { registered: 0 } } });
    expect(named('More entries').closest('[hidden]')).toBeNull();
    expect(text()).toContain('0 of 1 worker');
    expect(model.sent).toHaveLength(1);
  });

  it('asks for everything when something was missed', () => {
    model.say({ n: 5, set: { e1: { ...ENTRY, name: '1' } } });
    expect(node.querySelectorAll('tbody tr')).toHaveLength(2);
    model.say({ n: 7, gone: ['e1'] });
    expect(node.querySelectorAll('tbody tr')).toHaveLength(2);
    expect(model.sent.at(-1)).toEqual({ here: 5 });
    model.say({ n: 7, rows: { '': CLUSTER, e0: ENTRY, m0: MEMBER } });
    model.say({ n: 8, set: { m0: { tasks: 9 } } });
    expect(node.querySelectorAll('tbody tr')).toHaveLength(1);
    expect(node.querySelector('tbody')!.textContent).toContain('9');
  });

  it('keeps the focus, what is open and what is typed', () => {
    const [input, row] = [named('Entries'), node.querySelector('tbody tr')];
    node.querySelector('details')!.open = true;
    (input as HTMLInputElement).focus();
    (input as HTMLInputElement).value = '7';
    model.say({ n: 5, set: { '': { wanted: 2 }, m0: { tasks: 1 } } });
    expect(document.activeElement).toBe(input);
    expect((input as HTMLInputElement).value).toBe('7');
    expect(node.querySelector('tbody tr')).toBe(row);
    expect(node.querySelector('details')!.open).toBe(true);
  });

  it('leaves alone what nobody sees', () => {
    see(false);
    model.say({ n: 5, set: { '': { registered: 0 } } });
    expect(text()).toContain('1 of 1 worker');
    see(true);
    expect(text()).toContain('0 of 1 worker');
  });

  it('asks the page where that knows the cluster', async () => {
    const act = jest.fn(async (request: Message) => ({}));
    const answer = (event: Event) => {
      const { id, take } = (event as CustomEvent).detail;
      expect(id).toBe('brave-otter');
      take({ act, dashboardUrl: '/dashboard', isReadOnly: false });
    };
    document.addEventListener(ASKED, answer);
    named('Restart 0').click();
    document.removeEventListener(ASKED, answer);
    expect(act).toHaveBeenCalledWith({ do: 'restart', entry: '0' });
    expect(model.sent).toHaveLength(1);
  });

  it('asks the kernel elsewhere, and says that this waits', () => {
    jest.useFakeTimers();
    named('More entries').click();
    named('More entries').click();
    jest.advanceTimersByTime(300);
    // Both as one.
    expect(model.sent.slice(1)).toEqual([
      { ask: 1, request: { do: 'scale', entries: 3 } }
    ]);
    jest.advanceTimersByTime(400);
    expect(text()).toContain('Queued until the cell ends.');
    jest.useRealTimers();
  });

  it('says what was refused, and what is at stake', async () => {
    named('Restart 0').click();
    model.say({ taken: 1 });
    model.say({ answer: 1, error: 'there is no such entry' });
    await new Promise(resolve => setTimeout(resolve));
    expect(text()).toContain('there is no such entry');
    named('Restart 0').click();
    model.say({ answer: 2, stake: [20, 5000000] });
    await new Promise(resolve => setTimeout(resolve));
    expect(text()).toContain(
      'No worker is left that could take 20 results (5 MiB)'
    );
    named('Keep them').click();
    expect(named('Keep them').closest('[hidden]')).not.toBeNull();
  });

  it('offers nothing once it is over', () => {
    model.say({ n: 5, set: { '': { over: 'The cluster has gone.' } } });
    expect(text()).toContain('The cluster has gone.');
    expect(named('More entries').closest('[hidden]')).not.toBeNull();
    expect(named('Restart 0').hidden).toBe(true);
  });
});
