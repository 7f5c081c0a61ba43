import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const SRC = resolve(__dirname, '..');

/** api ◀ model ◀ tokens ◀ features ◀ index; features do not know each other. */
const MAY_KNOW: Record<string, string[]> = {
  api: [],
  model: ['api'],
  tokens: ['api', 'model'],
  manager: ['api', 'model', 'tokens'],
  restoring: ['tokens'],
  icons: [],
  mainarea: [],
  tabcommands: ['model'],
  commands: ['api', 'model', 'tokens', 'icons'],
  editor: ['api', 'model', 'tokens', 'mainarea', 'restoring', 'tabcommands'],
  logs: ['api', 'model', 'tokens', 'mainarea', 'restoring', 'tabcommands'],
  notebook: ['api', 'model', 'tokens'],
  panel: ['api', 'model', 'tokens', 'icons', 'mainarea'],
  running: ['api', 'model', 'tokens', 'icons'],
  index: [
    'manager',
    'commands',
    'editor',
    'logs',
    'notebook',
    'panel',
    'running'
  ]
};

const FILES = readdirSync(SRC, { recursive: true, encoding: 'utf-8' })
  .filter(path => /(?<!\.d)\.tsx?$/.test(path))
  .filter(path => !path.includes('__tests__'));

function layerOf(path: string): string {
  return path.split('/')[0].replace(/\.tsx?$/, '');
}

/** The files of ours that a file imports, types included. */
function importsOf(path: string): string[] {
  const text = readFileSync(join(SRC, path), 'utf-8');
  const found = text.matchAll(/(?:from|import)\s*\(?\s*'(\.{1,2}\/[^']*)'/g);
  return [...found]
    .map(([, target]) => relative(SRC, resolve(SRC, dirname(path), target)))
    .filter(target => !target.startsWith('..'))
    .map(
      target =>
        FILES.find(file =>
          ['.ts', '.tsx', '/index.ts'].some(end => file === target + end)
        ) ?? target
    );
}

describe('layers', () => {
  it('finds the sources and their imports', () => {
    expect(FILES).toContain('index.ts');
    expect(importsOf('index.ts')).toContain('panel/index.ts');
    expect(importsOf('editor/speceditors.ts')).toContain('editor/tab.ts');
  });

  it.each(FILES)('%s imports only from the layers below', path => {
    const layer = layerOf(path);
    const known = MAY_KNOW[layer] ?? [];
    const foreign = importsOf(path)
      .map(layerOf)
      .filter(other => other !== layer && !known.includes(other));
    expect(MAY_KNOW).toHaveProperty(layer.replace('svg.d', 'api'));
    expect(foreign).toEqual([]);
  });

  it('has no cycles', () => {
    const done = new Set<string>();
    const visit = (path: string, above: string[]): void => {
      expect(above).not.toContain(path);
      if (!done.has(path)) {
        importsOf(path)
          .filter(target => FILES.includes(target))
          .forEach(target => visit(target, [...above, path]));
        done.add(path);
      }
    };
    FILES.forEach(path => visit(path, []));
  });
});
