import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { INotebookTracker } from '@jupyterlab/notebook';
import { NotebookModel } from '@jupyterlab/notebook';
import {
  CELLS_MIME,
  CODE_MIME,
  ClientCode,
  automaticCode,
  clientCode,
  clientData
} from '../clientcode';

const CODE = `from speccluster_lab import connect
cluster = connect("brave-otter")
client = cluster.get_client()
client`;

describe('clientCode', () => {
  it('is exactly these four lines', () => {
    expect(clientCode('brave-otter')).toBe(CODE);
  });

  it.each([
    '',
    'A',
    '-a',
    'a"); import os; ("',
    "a'",
    'a\n',
    'a b',
    'a\u2028b',
    'a\\',
    'a'.repeat(64)
  ])('makes no code of %p', id => {
    expect(() => clientCode(id)).toThrow();
    expect(() => automaticCode(id)).toThrow();
    expect(() => clientData(id)).toThrow();
  });
});

describe('automaticCode', () => {
  it('leaves a client alone that is there', () => {
    expect(automaticCode('brave-otter')).toBe(`if "client" not in globals():
    from speccluster_lab import connect
    cluster = connect("brave-otter")
    client = cluster.get_client()`);
  });
});

describe('clientCode of an entry', () => {
  it('names its members as text, whatever they are called', () => {
    const hostile = '"]); import os; #\n\u2028';
    const code = clientCode({ id: 'brave-otter', members: ['0-0', hostile] });
    const lines = code.split('\n');
    expect(lines[3]).toBe(`members = ["0-0", ${JSON.stringify(hostile)}]`);
    expect(lines).toHaveLength(6);
    expect(lines[4]).toContain('workers=members');
  });
});

describe('clientCode of a template', () => {
  it('makes a cluster of it', () => {
    expect(clientCode({ template: 'grouped' })).toContain('launch("grouped")');
    expect(() => clientCode({ template: 'a"); import os' })).toThrow();
  });
});

describe('clientData', () => {
  it('is one code cell, and the same as text', () => {
    const data = clientData('brave-otter');
    expect(data.types()).toEqual([CELLS_MIME, 'text/plain', CODE_MIME]);
    expect(data.getData(CODE_MIME)).toBe(CODE);
    expect(data.getData('text/plain')).toBe(CODE);
    expect(data.getData(CELLS_MIME)).toEqual([
      {
        cell_type: 'code',
        source: CODE,
        metadata: {},
        outputs: [],
        execution_count: null
      }
    ]);
  });
});

describe('ClientCode', () => {
  const shell = { activateById: jest.fn(), currentWidget: null };

  const using = (sources: string[], active: number, readOnly = false) => {
    const model = new NotebookModel();
    model.sharedModel.deleteCellRange(0, model.sharedModel.cells.length);
    sources.forEach((source, index) =>
      model.sharedModel.insertCell(index, { cell_type: 'code', source })
    );
    Object.defineProperty(model, 'readOnly', { value: readOnly });
    const content = {
      model,
      activeCellIndex: active,
      deselectAll: jest.fn(),
      scrollToItem: jest.fn(async () => undefined)
    };
    const currentWidget = {
      id: 'notebook',
      content,
      context: { path: 'a.ipynb' }
    };
    const code = new ClientCode(
      { currentWidget } as unknown as INotebookTracker,
      shell as unknown as JupyterFrontEnd.IShell
    );
    const cells = () => model.sharedModel.cells.map(cell => cell.source);
    return { code, content, cells };
  };

  beforeEach(() => {
    shell.activateById.mockClear();
    // Of the notebook's model, about cells that it makes before it adds them.
    jest.spyOn(console, 'warn').mockImplementation();
    // jsdom has none.
    window.PointerEvent = MouseEvent as unknown as typeof PointerEvent;
  });

  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('inserts a cell below the active one, and makes it active', () => {
    const { code, content, cells } = using(['1', '2'], 0);
    expect(code.insert('brave-otter')).toEqual({ path: 'a.ipynb', index: 1 });
    expect(cells()).toEqual(['1', CODE, '2']);
    expect(content.activeCellIndex).toBe(1);
    expect(shell.activateById).toHaveBeenCalledWith('notebook');
  });

  it('takes the place of an empty cell', () => {
    const { code, cells } = using(['1', ''], 1);
    expect(code.insert('brave-otter')).toEqual({ path: 'a.ipynb', index: 1 });
    expect(cells()).toEqual(['1', CODE]);
  });

  it('inserts into a notebook that has no cell', () => {
    const { code, cells } = using([], -1);
    expect(code.insert('brave-otter')).toEqual({ path: 'a.ipynb', index: 0 });
    expect(cells()).toEqual([CODE]);
  });

  it('writes into the text editor that is in use', () => {
    const editor = {
      getCursorPosition: () => ({ line: 0, column: 2 }),
      getLine: () => 'x = 1',
      replaceSelection: jest.fn(),
      focus: jest.fn()
    };
    const currentWidget = {
      content: { editor },
      context: { path: 'a.py' },
      title: { label: 'a.py' }
    };
    const code = new ClientCode(null, {
      currentWidget
    } as unknown as JupyterFrontEnd.IShell);
    expect(code.insert('brave-otter')).toEqual({ path: 'a.py', index: null });
    expect(editor.replaceSelection).toHaveBeenCalledWith(`\n${CODE}\n`);
  });

  it('leaves a notebook alone that is read-only', () => {
    const { code, cells } = using(['1'], 0, true);
    expect(code.insert('brave-otter')).toBeNull();
    expect(cells()).toEqual(['1']);
  });

  it('says so when there is no notebook', () => {
    const none = new ClientCode(
      null,
      shell as unknown as JupyterFrontEnd.IShell
    );
    expect(none.insert('brave-otter')).toBeNull();
  });

  it('drags a small image with the name as text', () => {
    const { code } = using(['1'], 0);
    const event = new MouseEvent('pointermove', { clientX: 9, clientY: 9 });
    code.drag('brave-otter', '<img src=x>', event as PointerEvent);
    const image = document.querySelector('.jp-SpecCluster-dragImage')!;
    expect(image.textContent).toBe('<img src=x>');
    expect(image.querySelector('img')).toBeNull();
    document.dispatchEvent(new MouseEvent('pointerup', { bubbles: true }));
    expect(document.querySelector('.jp-SpecCluster-dragImage')).toBeNull();
  });
});
