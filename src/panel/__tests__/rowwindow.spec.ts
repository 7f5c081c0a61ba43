import { RowWindow } from '../rowwindow';

describe('RowWindow', () => {
  const ROW = 30;
  const VIEW = 600;
  let scrolled: number;
  let above: number;
  let view: HTMLElement;
  let list: HTMLElement;
  let window: RowWindow;
  const rows = Array.from({ length: 5_000 }, (_, index) => ({
    key: String(index),
    level: index % 9 === 0 ? 1 : 2
  }));
  const heights = new Map<string, number>();
  const rect = (top: number, height: number) =>
    ({ top, height, bottom: top + height }) as DOMRect;

  /** What React does: the rows that are there are the list's children. */
  const render = () => {
    const { first, last } = window.shown;
    list.replaceChildren(
      ...rows.slice(first, last).map(({ key }) => {
        const node = document.createElement('li');
        const height = heights.get(key) ?? ROW;
        Object.defineProperty(node, 'offsetHeight', {
          configurable: true,
          value: height
        });
        return node;
      })
    );
    window.measure();
  };
  const scrollTo = (top: number) => {
    view.scrollTop = top;
    view.dispatchEvent(new Event('scroll'));
  };

  beforeEach(() => {
    scrolled = above = 0;
    heights.clear();
    document.body.replaceChildren();
    view = document.body.appendChild(document.createElement('div'));
    view.style.overflowY = 'auto';
    list = view.appendChild(document.createElement('ul'));
    Object.defineProperty(view, 'scrollTop', {
      get: () => scrolled,
      set: value => {
        scrolled = value;
      }
    });
    view.getBoundingClientRect = () => rect(100, VIEW);
    window = new RowWindow();
    list.getBoundingClientRect = () => {
      const { before, after, first, last } = window.shown;
      return rect(
        100 + above - scrolled,
        before + after + (last - first) * ROW
      );
    };
    window.setRows(rows);
    window.attach(list);
    window.subscribe(render);
    window.look();
  });

  it('has only what is in view, and a little around it', () => {
    const { first, last, before } = window.shown;
    expect([first, before]).toEqual([0, 0]);
    expect(last).toBeGreaterThanOrEqual(VIEW / ROW);
    expect(last).toBeLessThan(60);
  });

  it('follows scrolling', () => {
    scrollTo(60_000);
    const { first, last, before, after } = window.shown;
    expect(first).toBeLessThanOrEqual(2_000);
    expect(last).toBeGreaterThanOrEqual(2_000 + VIEW / ROW);
    expect(last - first).toBeLessThan(90);
    expect(before).toBeCloseTo(first * ROW, -3);
    expect(after).toBeGreaterThan(0);
  });

  it('has what is in view at once after a jump, and what is around it later', () => {
    jest.useFakeTimers();
    scrollTo(60_000);
    const { first, last } = window.shown;
    expect(last - first).toBeLessThanOrEqual(VIEW / ROW + 6);
    jest.advanceTimersByTime(100);
    expect(window.shown.first).toBe(first - 8);
    expect(window.shown.last).toBe(last + 8);
    jest.useRealTimers();
  });

  it('asks for the height of no row when that of all is as expected', () => {
    let asked = 0;
    for (const node of list.children) {
      Object.defineProperty(node, 'offsetHeight', {
        get: () => {
          asked += 1;
          return ROW;
        }
      });
    }
    let height = rows.length * ROW;
    Object.defineProperty(list, 'offsetHeight', { get: () => height });
    window.measure();
    expect(asked).toBe(0);
    height += 1;
    window.measure();
    expect(asked).toBe(list.children.length);
  });

  it('stays as it is while what is in view is there', () => {
    const before = window.shown;
    scrollTo(ROW);
    expect(window.shown).toBe(before);
  });

  it('has one row where the list is out of view', () => {
    above = 10 * VIEW;
    window.look();
    const { first, last, after } = window.shown;
    expect([first, last]).toEqual([0, 1]);
    expect(after).toBeGreaterThan(4_900 * 24);
  });

  it('knows rows that are higher than others', () => {
    heights.set('3', 200);
    render();
    scrollTo(250);
    window.reveal(4);
    expect(scrolled).toBe(250);
    window.reveal(3);
    expect(scrolled).toBe(3 * ROW);
  });

  it('knows how high the rows of a level are before it has seen them', () => {
    rows.forEach(({ key, level }) => heights.set(key, level === 1 ? 40 : ROW));
    window = new RowWindow();
    window.setRows(rows);
    window.attach(list);
    window.subscribe(render);
    window.look();
    let told = 0;
    window.subscribe(() => {
      told += 1;
    });
    scrollTo(60_000);
    scrollTo(90_000);
    expect(told).toBe(2);
    const { first, before } = window.shown;
    expect(before).toBe(first * ROW + 10 * Math.ceil(first / 9));
  });

  it('brings a row into view', () => {
    window.reveal(4_000);
    const { first, last } = window.shown;
    expect(first).toBeLessThanOrEqual(4_000);
    expect(last).toBeGreaterThan(4_000);
    expect(scrolled).toBeGreaterThan(4_000 * 24 - VIEW);
    window.reveal(0);
    expect(scrolled).toBe(0);
    expect(window.shown.first).toBe(0);
  });

  it('has fewer rows when there are fewer', () => {
    scrollTo(60_000);
    window.setRows(rows.slice(0, 3));
    expect(window.shown.last).toBe(3);
    expect(window.shown.after).toBe(0);
  });
});
