// The page's side of `speccluster_lab.client.widget`: a cluster, kept as it is told.
//
// Names and messages may be any text. They become text nodes and attributes that are no code,
// and nothing here parses markup.

const ROWS_SHOWN = 200;
const QUEUED_AFTER = 400;
const SCALE_AFTER = 300;
const SIZES_KEPT = 120;
const TROUBLED = ['degraded', 'backoff', 'lost', 'failed', 'unreachable'];

/** What is known of a cluster, for all views of one model. */
class Store {
  constructor(model) {
    this.model = model;
    this.views = new Set();
    this.rows = new Map();
    this.sizes = [];
    this.n = -1;
    this._asked = 0;
    this._waiting = new Map();
    this._take(model.get('shown'));
    this._take(model.get('news'));
    model.on('change:news', () => this._take(model.get('news')));
    model.on('msg:custom', message => this._hear(message));
    model.send({ here: this.n });
  }

  get cluster() {
    return this.rows.get('') ?? {};
  }

  /** Ask the kernel; it answers when no cell runs. */
  ask(request, onQueued) {
    const number = ++this._asked;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(onQueued, QUEUED_AFTER);
      this._waiting.set(number, { resolve, reject, timer });
      this.model.send({ ask: number, request });
    });
  }

  _hear(message) {
    if ('n' in message) {
      this._take(message);
      return;
    }
    const number = message.taken ?? message.answer;
    const asked = this._waiting.get(number);
    if (!asked) {
      return;
    }
    clearTimeout(asked.timer);
    if ('answer' in message) {
      this._waiting.delete(number);
      if (message.error) {
        asked.reject(new Error(message.error));
      } else {
        asked.resolve(message);
      }
    }
  }

  _take(message) {
    if (!message || !('n' in message)) {
      return;
    }
    const { n, rows, set = {}, gone = [], since, sizes } = message;
    if (rows) {
      this.rows = new Map(Object.entries(rows));
      this._base = { n, rows: this.rows };
      const now = Date.now() / 1000;
      this.sizes = (sizes ?? []).map(([ago, ...size]) => [now - ago, ...size]);
    } else if (n <= this.n) {
      return;
    } else if (
      since === undefined ? n !== this.n + 1 : since !== this._base?.n
    ) {
      // Something was missed.
      this.model.send({ here: this.n });
      return;
    }
    // All that has changed since the state: what is as it was then is not told.
    const from = since === undefined ? this.rows : this._base.rows;
    this.rows = new Map(from);
    for (const [key, fields] of Object.entries(set)) {
      this.rows.set(key, { ...this.rows.get(key), ...fields });
    }
    for (const key of gone) {
      this.rows.delete(key);
    }
    this.n = n;
    this._noteSize();
    this.views.forEach(view => view.changed());
  }

  _noteSize() {
    const { expected, registered } = this.cluster;
    const last = this.sizes.at(-1);
    if (!last || last[1] !== expected || last[2] !== registered) {
      this.sizes.push([Date.now() / 1000, expected, registered]);
      this.sizes.splice(0, this.sizes.length - SIZES_KEPT);
    }
  }
}

function make(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) {
    node.className = `speccluster-${className}`;
  }
  node.append(...children);
  return node;
}

function button(text, name, onClick) {
  const node = make('button', 'button', text);
  node.type = 'button';
  if (name !== text) {
    node.setAttribute('aria-label', name);
    node.title = name;
  }
  node.addEventListener('click', onClick);
  return node;
}

function number(name, value) {
  const node = make('input', 'number');
  node.type = 'number';
  node.min = '0';
  node.value = value;
  node.setAttribute('aria-label', name);
  return node;
}

/** Change a text only where it is another: what is selected stays selected. */
function say(node, text) {
  if (!(node.firstChild instanceof Text)) {
    node.prepend(new Text(''));
  }
  if (node.firstChild.data !== text) {
    node.firstChild.data = text;
  }
}

function show(node, isShown) {
  if (node.hidden === isShown) {
    node.hidden = !isShown;
  }
}

/** Have a parent's children be these, and move none that is where it should be. */
function arrange(parent, nodes) {
  const wanted = new Set(nodes);
  [...parent.children].forEach(node => wanted.has(node) || node.remove());
  nodes.forEach((node, index) => {
    if (parent.children[index] !== node) {
      parent.insertBefore(node, parent.children[index] ?? null);
    }
  });
}

function many(count, one, several) {
  return `${count} ${count === 1 ? one : several}`;
}

function memory(used, limit) {
  const size = mebibytes =>
    mebibytes < 1000
      ? `${mebibytes} MiB`
      : `${Number((mebibytes / 1024).toFixed(1))} GiB`;
  return limit ? `${size(used ?? 0)} of ${size(limit)}` : size(used ?? 0);
}

/** One place where a cluster is shown. */
class View {
  constructor(store, element) {
    this._store = store;
    this._lines = new Map();
    this._problems = [];
    this._isSeen = false;
    this._isDue = true;
    this._target = null;
    this._wanted = null;
    this._end = new AbortController();
    this._build(element);
    store.views.add(this);
    const { signal } = this._end;
    // Our part of JupyterLab says so when it knows more or less than before.
    document.addEventListener('speccluster-lab:changed', () => this.changed(), {
      signal
    });
    this._draw();
    // Once more when it is in the page, which may know the cluster.
    this._isDue = true;
    const seen = new IntersectionObserver(([one]) => {
      this._isSeen = one.isIntersecting;
      this.changed(this._isDue);
    });
    seen.observe(this._root);
    signal.addEventListener('abort', () => seen.disconnect());
  }

  dispose() {
    this._store.views.delete(this);
    clearTimeout(this._scaling);
    this._end.abort();
  }

  /** Draw soon; what nobody sees is left as it is until somebody does. */
  changed(isDue = true) {
    this._isDue = isDue;
    if (isDue && this._isSeen && !this._frame) {
      this._frame = requestAnimationFrame(() => {
        this._frame = 0;
        this._draw();
      });
    }
  }

  _build(element) {
    this._name = make('strong', 'name');
    this._id = make('code', 'id');
    this._symbol = make('span', 'symbol');
    this._symbol.ariaHidden = 'true';
    this._word = make('span');
    this._phase = make('span', 'phase', this._symbol, this._word);
    this._dashboard = make('a', 'link', 'Dashboard');
    this._dashboard.target = '_blank';
    this._dashboard.rel = 'noopener';
    this._panel = button('Show in panel', 'Show in panel', () =>
      this._page()?.showPanel()
    );
    this._panel.className = 'speccluster-link';
    const links = make('span', 'links', this._dashboard, this._panel);
    const head = make('div', 'head', this._name, this._id, this._phase, links);
    this._figures = make('span', 'figures');
    this._curve = curve();
    const state = make('div', 'state', this._figures, this._curve.node);
    this._notes = make('ul', 'notes');
    this._said = make('span', 'said');
    this._said.setAttribute('role', 'status');
    this._buildControls();
    this._buildQuestion();
    this._summary = make('summary');
    const titles = ['Name', 'Phase', 'Threads', 'Memory', 'CPU', 'Tasks'];
    const heads = titles.map(title => make('th', '', title));
    heads.forEach(head => (head.scope = 'col'));
    const actions = make('th', '', make('span', 'hidden', 'Actions'));
    this._body = make('tbody');
    this._more = make('p', 'more');
    const scroller = make(
      'div',
      'scroller',
      make(
        'table',
        'table',
        make('thead', '', make('tr', '', ...heads, actions)),
        this._body
      ),
      this._more
    );
    scroller.tabIndex = 0;
    scroller.setAttribute('role', 'region');
    this._scroller = scroller;
    const details = make('details', '', this._summary, scroller);
    this._root = make('section', 'widget');
    this._root.append(head, state, this._notes, this._controls);
    this._root.append(this._question, this._said, details);
    element.append(this._root);
  }

  _buildControls() {
    this._entries = number('Entries', '0');
    this._entries.addEventListener('change', () => {
      if (this._entries.checkValidity() && this._entries.value !== '') {
        this._scaleTo(Number(this._entries.value));
      }
    });
    const step = by => () =>
      this._scaleTo(
        Math.max(0, (this._target ?? this._store.cluster.wanted) + by)
      );
    this._fewer = button('−', 'Fewer entries', step(-1));
    this._sizing = make(
      'span',
      'group',
      make('span', '', 'Entries'),
      this._fewer,
      this._entries,
      button('+', 'More entries', step(1))
    );
    this._minimum = number('Fewest workers', '1');
    this._maximum = number('Most workers', '');
    this._maximum.placeholder = '∞';
    this._adapting = make(
      'span',
      'group',
      make('span', '', 'Workers from'),
      this._minimum,
      make('span', '', 'to'),
      this._maximum,
      button('Adapt', 'Adapt', () => {
        const [minimum, maximum] = [this._minimum, this._maximum].map(
          ({ value }) => (value === '' ? null : Number(value))
        );
        void this._act({ do: 'adapt', minimum: minimum ?? 0, maximum });
      })
    );
    this._range = make('span');
    this._adaptive = make(
      'span',
      'group',
      this._range,
      button('Keep this size', 'Keep this size', () =>
        this._act({ do: 'end_adaptive' })
      )
    );
    this._controls = make(
      'div',
      'controls',
      this._sizing,
      this._adapting,
      this._adaptive
    );
    this._controls.setAttribute('role', 'group');
    this._controls.setAttribute('aria-label', 'Size');
  }

  _buildQuestion() {
    this._stake = make('span');
    this._question = make(
      'div',
      'question',
      this._stake,
      button('Scale all the same', 'Scale all the same', () => {
        this._question.hidden = true;
        void this._act({ do: 'scale', entries: this._asking, meant: true });
      }),
      button('Keep them', 'Keep them', () => {
        this._question.hidden = true;
        this._target = null;
        this._draw();
      })
    );
    this._question.setAttribute('role', 'alertdialog');
    this._question.setAttribute('aria-label', 'Scale down?');
    this._question.hidden = true;
  }

  // What a person does

  _scaleTo(entries) {
    this._target = entries;
    this._entries.value = entries;
    this._question.hidden = true;
    clearTimeout(this._scaling);
    this._scaling = setTimeout(
      () => this._act({ do: 'scale', entries }),
      SCALE_AFTER
    );
  }

  /** What our part of JupyterLab knows of the cluster, if it is here and does. */
  _page() {
    const { id, created } = this._store.cluster;
    let found = null;
    const take = page => (found = page);
    this._root.dispatchEvent(
      new CustomEvent('speccluster-lab:cluster', {
        bubbles: true,
        composed: true,
        detail: { id, created, take }
      })
    );
    return found;
  }

  async _act(request) {
    const page = this._page();
    say(this._said, '');
    try {
      const { stake } = page
        ? await page.act(request)
        : await this._store.ask(request, () =>
            say(this._said, 'Queued until the cell ends.')
          );
      say(this._said, '');
      if (stake) {
        const [keys, bytes] = stake;
        const results = many(keys, 'result', 'results');
        const size = memory(Math.ceil(bytes / 2 ** 20));
        say(
          this._stake,
          `No worker is left that could take ${results} (${size}). What goes waits with them.`
        );
        this._asking = request.entries;
        this._question.hidden = false;
      }
    } catch (error) {
      this._target = null;
      say(this._said, error.message);
      this._draw();
    }
  }

  // What it shows

  _draw() {
    this._isDue = false;
    const { cluster, sizes } = this._store;
    const page = this._page();
    say(this._name, cluster.name);
    say(this._id, cluster.id);
    setPhase(this._phase, cluster.phase);
    say(this._word, cluster.phase);
    this._root.setAttribute('aria-label', cluster.name);
    this._root.setAttribute('role', 'region');
    const workers = many(cluster.expected, 'worker', 'workers');
    say(
      this._figures,
      `${cluster.registered} of ${workers} · ${many(cluster.threads, 'thread', 'threads')}` +
        ` · ${memory(cluster.used, cluster.limit)}`
    );
    this._curve.draw(sizes);
    this._drawLinks(page);
    this._drawNotes(cluster);
    this._drawControls(cluster, page);
    this._drawTable(cluster, page);
  }

  _drawLinks(page) {
    const url = page?.dashboardUrl ?? null;
    show(this._dashboard, url !== null);
    if (url !== null && this._dashboard.getAttribute('href') !== url) {
      this._dashboard.href = url;
    }
    show(this._panel, page !== null);
  }

  _drawNotes({ problems, over }) {
    const notes = over ? [over, ...problems] : problems;
    while (this._problems.length < notes.length) {
      this._problems.push(make('li'));
    }
    this._problems.length = notes.length;
    this._problems.forEach((node, index) => say(node, notes[index]));
    arrange(this._notes, this._problems);
    show(this._notes, notes.length > 0);
  }

  _drawControls(cluster, page) {
    if (this._wanted !== cluster.wanted) {
      this._wanted = cluster.wanted;
      this._target = null;
      this._question.hidden = true;
    }
    const value = String(this._target ?? cluster.wanted);
    if (document.activeElement !== this._entries) {
      this._entries.value = value;
    }
    this._fewer.disabled = value === '0';
    const { adaptive } = cluster;
    show(this._controls, this._isOpen(cluster, page) && cluster.scales);
    show(this._sizing, adaptive === null);
    show(this._adapting, adaptive === null);
    show(this._adaptive, adaptive !== null);
    if (adaptive !== null) {
      const [least, most] = adaptive;
      say(this._range, `Adaptive, ${least} to ${most ?? '∞'} workers`);
    }
  }

  /** Whether anything may be asked for. */
  _isOpen({ over, phase }, page) {
    return (
      !over && !page?.isReadOnly && !['stopping', 'failed'].includes(phase)
    );
  }

  _drawTable(cluster, page) {
    const { rows } = this._store;
    const members = new Map();
    const entries = [];
    const others = [];
    for (const [key, row] of rows) {
      if (key.startsWith('e')) {
        entries.push([key, row]);
        members.set(row.name, []);
      }
    }
    for (const [key, row] of rows) {
      if (key.startsWith('m')) {
        members.get(row.of)?.push([key, row]);
      } else if (key.startsWith('u')) {
        others.push([key, { ...row, status: `unexpected, ${row.status}` }]);
      }
    }
    const lines = entries.flatMap(([key, row]) => {
      const own = members.get(row.name);
      const isAlone = own.length === 1 && own[0][1].name === row.name;
      return isAlone ? [[key, { ...own[0][1], ...row }]] : [[key, row], ...own];
    });
    lines.push(...others);
    const shown = lines.slice(0, ROWS_SHOWN);
    const isOpen = this._isOpen(cluster, page);
    arrange(
      this._body,
      shown.map(([key, row]) => this._line(key).draw(row, isOpen))
    );
    const keys = new Set(shown.map(([key]) => key));
    [...this._lines.keys()].forEach(
      key => keys.has(key) || this._lines.delete(key)
    );
    const left = lines.length - shown.length;
    show(this._more, left > 0);
    say(this._more, `and ${left} more, in the panel`);
    say(this._summary, many(entries.length, 'entry', 'entries'));
    this._scroller.setAttribute('aria-label', `Workers of ${cluster.name}`);
  }

  _line(key) {
    if (!this._lines.has(key)) {
      const act = what => row => this._act({ do: what, entry: row.name });
      this._lines.set(key, line(key, act('restart'), act('retry')));
    }
    return this._lines.get(key);
  }
}

function setPhase(node, phase) {
  const tone = TROUBLED.includes(phase)
    ? 'troubled'
    : phase === 'running'
      ? 'good'
      : 'busy';
  if (node.dataset.tone !== tone) {
    node.dataset.tone = tone;
  }
}

/** A row of the table, for an entry or a worker. */
function line(key, onRestart, onRetry) {
  let row = {};
  const name = make('th', key.startsWith('e') ? 'entry' : 'member');
  name.scope = 'row';
  const word = make('span');
  const why = make('span', 'why');
  const cells = ['threads', 'memory', 'cpu', 'tasks'].map(() =>
    make('td', 'count')
  );
  const restart = button('Restart', '', () => onRestart(row));
  const retry = button('Retry now', '', () => onRetry(row));
  const actions = make('td', 'actions', retry, restart);
  const phase = make('td', 'phase', word, why);
  const node = make('tr', '', name, phase, ...cells, actions);
  return {
    draw(next, isOpen) {
      row = next;
      const isEntry = row.phase !== undefined;
      const isThere = row.status !== null && row.status !== undefined;
      const state = row.phase ?? row.status ?? 'not there';
      say(name, row.name);
      say(word, state);
      setPhase(phase, isEntry || isThere ? state : 'busy');
      say(why, row.why ?? '');
      const texts = isThere
        ? [
            row.threads,
            memory(row.used, row.limit),
            `${row.cpu ?? 0} %`,
            row.tasks
          ]
        : ['', '', '', ''];
      cells.forEach((cell, index) => say(cell, String(texts[index] ?? '')));
      [restart, retry].forEach(one => {
        const label = `${one.textContent} ${row.name}`;
        if (one.getAttribute('aria-label') !== label) {
          one.setAttribute('aria-label', label);
        }
      });
      show(restart, isEntry && isOpen);
      show(retry, isEntry && isOpen && row.phase === 'backoff');
      return node;
    }
  };
}

/** How many workers there were, and were asked for. */
function curve() {
  const [width, height] = [120, 20];
  const svg = tag =>
    document.createElementNS('http://www.w3.org/2000/svg', tag);
  const node = svg('svg');
  node.setAttribute('class', 'speccluster-curve');
  node.setAttribute('viewBox', `0 -1 ${width} ${height + 2}`);
  node.setAttribute('role', 'img');
  const lines = ['wanted', 'there'].map(name => {
    const one = svg('polyline');
    one.setAttribute('class', `speccluster-${name}`);
    node.append(one);
    return one;
  });
  return {
    node,
    draw(sizes) {
      const now = Date.now() / 1000;
      const first = sizes[0]?.[0] ?? now;
      const most = Math.max(1, ...sizes.flatMap(([, ...size]) => size));
      const x = time =>
        now > first ? (width * (time - first)) / (now - first) : width;
      lines.forEach((one, index) => {
        const points = [];
        sizes.forEach((size, at) => {
          const y = height - (height * size[1 + index]) / most;
          points.push([x(size[0]), y], [x(sizes[at + 1]?.[0] ?? now), y]);
        });
        const text = points
          .map(point => point.map(part => part.toFixed(1)).join())
          .join(' ');
        one.setAttribute('points', text);
      });
      const [, wanted = 0, there = 0] = sizes.at(-1) ?? [];
      const label = `Workers lately: ${there} of ${wanted}, ${most} at most`;
      if (node.getAttribute('aria-label') !== label) {
        node.setAttribute('aria-label', label);
      }
    }
  };
}

const stores = new WeakMap();

function storeOf(model) {
  if (!stores.has(model)) {
    stores.set(model, new Store(model));
  }
  return stores.get(model);
}

export default {
  initialize({ model }) {
    storeOf(model);
  },
  render({ model, el }) {
    const view = new View(storeOf(model), el);
    return () => view.dispose();
  }
};
