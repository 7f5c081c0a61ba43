import { nullTranslator } from '@jupyterlab/translation';
import { cluster, plain } from '../../__tests__/fakes';
import type { ClusterSpec } from '../../api/types';
import type { Format } from '../spectext';
import { changedLines, rangeOf, readSpec, writeSpec } from '../spectext';

const trans = nullTranslator.load('speccluster_lab');
const { spec } = cluster('otter');
const read = (text: string, format: Format) => readSpec(text, format, trans);
const problem = (text: string, format: Format) =>
  read(text, format).problem?.message;

describe.each(['json', 'yaml'] as const)('%s', format => {
  it('reads what it has written', () => {
    expect(read(writeSpec(spec, format), format).spec).toEqual(plain(spec));
  });

  it.each([
    'no',
    '0x10',
    '1e3',
    'null',
    '~',
    '- a',
    '',
    ' a: b # c',
    '…\u2028'
  ])('keeps %p a text, as value and as name', odd => {
    const written = { workers: { [odd]: { cls: odd, options: { a: odd } } } };
    const text = writeSpec(written as unknown as ClusterSpec, format);
    expect(read(text, format).spec).toEqual(written);
  });

  it('refuses a name that is there twice', () => {
    expect(problem('{"a": 1, "a": 2}', format)).toMatch(/unique/);
  });

  it.each(['[]', '3', '""'])('refuses %s', text => {
    expect(problem(text, format)).toMatch(/^A spec is a/);
  });
});

describe('readSpec', () => {
  it('says where JSON is broken', () => {
    const text = '{"worker": tru}';
    const { problem: found } = read(text, 'json');
    expect(found?.message).toMatch(/^Not JSON: /);
    expect(problem("{'worker': null}", 'json')).toMatch(/^Not JSON: /);
    expect(problem('worker: null', 'json')).toMatch(/^Not JSON: /);
  });

  it('says where YAML is broken', () => {
    const text = 'worker:\n  cls: [a\n';
    const { problem: found } = read(text, 'yaml');
    expect(found?.message).toMatch(/^Not YAML: /);
    expect(found!.from).toBeGreaterThan(0);
    expect(problem('', 'yaml')).toBe('A spec is a YAML mapping.');
  });

  it.each(['.nan', '.inf', '-.inf'])('refuses %s, which would be null', odd => {
    const text = `worker:\n  options:\n    nthreads: ${odd}\n`;
    const { problem: found } = read(text, 'yaml');
    expect(found?.message).toMatch(/^worker\.options\.nthreads is nothing/);
    expect(text.slice(found!.from, found!.to)).toBe(odd);
  });

  it('takes names that are numbers for what they look like', () => {
    expect(read('workers:\n  0: {cls: a.B}\n', 'yaml').spec).toEqual({
      workers: { '0': { cls: 'a.B' } }
    });
  });

  it('does not let a text grow without bounds', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x]'];
    for (let n = 1; n < 9; n++) {
      const reference = `*a${n - 1}`;
      lines.push(`a${n}: &a${n} [${Array(9).fill(reference).join(', ')}]`);
    }
    expect(problem(lines.join('\n'), 'yaml')).toMatch(/alias/);
  });
});

describe('rangeOf', () => {
  const text = writeSpec(spec, 'yaml');
  const at = (...path: string[]) => {
    const range = rangeOf(text, path);
    return range && text.slice(range.from, range.to);
  };

  it('finds a value, or the name of one that is long', () => {
    expect(at('workers', '0', 'options', 'processes')).toBe('3');
    expect(at('workers', '0', 'group', '1')).toBe('"-1"');
    expect(at('workers', '0', 'options')).toBe('options');
  });

  it('finds the nearest part of what is not there', () => {
    expect(at('workers', '0', 'options', 'nthreads')).toBe('options');
    expect(at('nothing')).toBeNull();
    expect(rangeOf('[', ['a'])).toBeNull();
  });
});

it.each([
  ['a\nb\nc\n', 'a\nx\nc\n', [2, 4, 'x\n']],
  ['a\nb\nb\n', 'a\nb\n', [4, 6, '']],
  ['a\nb\n', 'a\nb\nb\n', [4, 4, 'b\n']],
  ['a: 1\n', 'a: 12\n', [0, 5, 'a: 12\n']],
  ['', 'a\n', [0, 0, 'a\n']],
  ['a', 'ba', [0, 1, 'ba']],
  ['x\n\u{1f600}\n', 'x\n\u{1f601}\n', [2, 5, '\u{1f601}\n']],
  ['\u{1f600}', '\u{1fa00}', [0, 2, '\u{1fa00}']]
])('only lines that differ are written: %j to %j', (before, after, found) => {
  const { from, to, lines } = changedLines(before, after);
  expect([from, to, lines]).toEqual(found);
  expect(before.slice(0, from) + lines + before.slice(to)).toBe(after);
});
