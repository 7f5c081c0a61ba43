import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const HERE = resolve(__dirname, '../..');

describe('the strings that are shown', () => {
  let root: string;
  let translated: string;

  const write = (code: string) =>
    writeFileSync(join(root, 'src/a.tsx'), `export const a = () => ${code};`);
  const translate = (messages: Record<string, string[]>) =>
    writeFileSync(
      translated,
      JSON.stringify({ '': { language: 'de_DE' }, ...messages })
    );

  /** What is wrong; nothing when all is well. */
  const run = (root: string, ...args: string[]): string => {
    try {
      const script = join(HERE, 'scripts/i18n.mjs');
      const stdio = 'pipe' as const;
      execFileSync('node', [script, '--root', root, ...args], { stdio });
      return '';
    } catch (error) {
      return String((error as { stderr: Buffer }).stderr);
    }
  };
  const check = () => run(root, '--check');

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'i18n-'));
    const folder = join(root, 'speccluster_lab/locale/de_DE/LC_MESSAGES');
    translated = join(folder, 'speccluster_lab.json');
    mkdirSync(folder, { recursive: true });
    mkdirSync(join(root, 'src'));
    write("[trans.__('a %1', x), trans._n('%1 b', '%1 bs', n)]");
    translate({ 'a %1': ['ein %1'], '%1 b': ['%1 B', '%1 Bs'] });
    run(root);
  });

  afterEach(() => rmSync(root, { recursive: true }));

  it('are all in the catalogue, and translated', () => {
    expect(run(HERE, '--check')).toBe('');
  });

  it('are extracted, and what has gone is dropped', () => {
    expect(check()).toBe('');
    write("props.trans.__('a %1', x)");
    expect(run(root)).toContain('is not in src/ any more');
    expect(check()).toBe('');
    expect(Object.keys(JSON.parse(readFileSync(translated, 'utf-8')))).toEqual([
      '',
      'a %1'
    ]);
  });

  it.each([
    ["this._trans.__('new')", '"new" (src/a.tsx:1) is not translated'],
    ["trans.__('new')", 'speccluster_lab.pot is stale'],
    ["trans.__('a' + b)", 'src/a.tsx:1: not a literal text'],
    ['trans.__(`a ${b}`)', 'src/a.tsx:1: not a literal text'],
    ["trans._p('context', 'a')", 'src/a.tsx:1: not a literal text'],
    [
      "[trans.__('c'), trans._n('c', 'cs', n)]",
      '"c" stands elsewhere with another plural'
    ]
  ])('are refused as %p', (code, message) => {
    write(code);
    expect(check()).toContain(message);
  });

  it.each([
    [{ 'a %1': [], '%1 b': ['%1 B', '%1 Bs'] }, 'is not translated'],
    [{ 'a %1': ['ein'], '%1 b': ['%1 B', '%1 Bs'] }, 'has other placeholders'],
    [{ 'a %1': ['%1'], '%1 b': ['%1 B', 'Bs'] }, 'has other placeholders'],
    [{ 'a %1': ['%1'], '%1 b': ['%1 B'] }, 'has 1 forms, not 2']
  ])('are not translated by %j', (messages, message) => {
    translate(messages);
    expect(check()).toContain(message);
  });
});
