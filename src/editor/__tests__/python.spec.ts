import { execFileSync } from 'node:child_process';
import { cluster, plain } from '../../__tests__/fakes';
import type { ClusterSpec } from '../../api/types';
import { pythonCode } from '../python';

/** Runs the code with a `SpecCluster` that tells what it was given. */
const CHECK = `
import json, sys, types
module = types.ModuleType("speccluster_lab")
module.SpecCluster = lambda **given: given
sys.modules["speccluster_lab"] = module
scope = {}
exec(compile(sys.stdin.read(), "cell", "exec"), scope)
print(json.dumps(scope["cluster"], default=repr))
`;

function run(code: string): unknown {
  return JSON.parse(
    execFileSync('python3', ['-c', CHECK], {
      input: code,
      encoding: 'utf-8',
      env: { ...process.env, PYTHONIOENCODING: 'utf-8', PYTHONUTF8: '1' }
    })
  );
}

const HOSTILE = [
  '"); import os; os.abort() #',
  '\'\'\'"""',
  'a\nimport os',
  '\\',
  '\\"',
  '\u202e\u2066bidi',
  '\u2028line',
  'nul\0',
  '😀 ünï',
  '{x}%s'
];

describe('pythonCode', () => {
  it('makes the same cluster', () => {
    const { spec } = cluster('otter');
    const code = pythonCode(spec, 'Brave otter');
    expect(run(code)).toEqual({
      name: 'Brave otter',
      ...(plain(spec) as object)
    });
    expect(Math.max(...code.split('\n').map(line => line.length))).toBeLessThan(
      89
    );
  });

  it('writes the values of JSON as those of Python', () => {
    const options = {
      a: null,
      b: true,
      c: false,
      d: 1.5,
      e: 1e300,
      f: [],
      g: {}
    };
    const spec = { workers: { '0': { cls: 'a.B', options } } };
    const made = run(pythonCode(spec as unknown as ClusterSpec, 'x'));
    expect(made).toEqual({ name: 'x', ...spec });
  });

  it('leaves out what is not there', () => {
    const spec = { worker: null, workers: {} } as unknown as ClusterSpec;
    expect(run(pythonCode(spec, 'x'))).toEqual({ name: 'x', workers: {} });
  });

  it.each(HOSTILE)('carries %p as text, wherever it is', odd => {
    const spec = {
      workers: {
        [odd]: {
          cls: odd,
          options: { [odd]: [odd, { $object: odd }] },
          group: [odd]
        }
      }
    };
    const code = pythonCode(spec as unknown as ClusterSpec, odd);
    expect(code).toMatch(/^[\P{C}\n]*$/u);
    expect(run(code)).toEqual({
      name: odd,
      workers: {
        [odd]: { cls: odd, options: { [odd]: [odd, 'Ellipsis'] }, group: [odd] }
      }
    });
  });

  it('says what it cannot carry, and does not run as if it could', () => {
    const options = { plugins: { $object: 'my.Plugin' } };
    const spec = { workers: { '0': { cls: 'a.B', options } } };
    const code = pythonCode(spec as unknown as ClusterSpec, 'x');
    expect(code).toContain(
      '"plugins": ...,  # an object of "my.Plugin", which is not shown here'
    );
  });
});
