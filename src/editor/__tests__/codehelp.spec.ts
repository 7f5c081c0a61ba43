import { CompletionContext } from '@codemirror/autocomplete';
import { EditorState } from '@codemirror/state';
import { CodeEditor } from '@jupyterlab/codeeditor';
import { nullTranslator } from '@jupyterlab/translation';
import { CLASSES, FakeCluster, cluster, plain } from '../../__tests__/fakes';
import { ApiError } from '../../api/errors';
import type { ClusterSpec } from '../../api/types';
import { completions, findings } from '../codehelp';
import { SpecDraft } from '../draft';
import { pathOf } from '../field';
import { Planning } from '../planning';
import type { ISchema } from '../schema';
import type { Format } from '../spectext';
import { validate } from '../validate';

const trans = nullTranslator.load('speccluster_lab');
const NANNY = CLASSES[0].options as ISchema;

describe('validate', () => {
  const wrong = (value: unknown, schema: ISchema = NANNY) =>
    validate(value as never, schema, trans).map(
      ({ path, message }) => `${path.join('.')}: ${message}`
    );

  it.each([
    [{ nthreads: 2, memory_limit: 'auto', silent: true }],
    [{ nthreads: null, memory_limit: 1024, resources: { GPU: 1.5 } }],
    [{ memory_limit: '2 GiB' }],
    [{ nthreads: { $object: 'my.Number' } }]
  ])('takes %j', value => {
    expect(wrong(value)).toEqual([]);
  });

  it.each([
    [{ nthreads: 0 }, 'nthreads: must be 1 or more'],
    [{ nthreads: 1.5 }, 'nthreads: must be a whole number or null'],
    [{ nthreads: 'two' }, 'nthreads: must be a whole number or null'],
    [{ memory_limit: 'much' }, 'memory_limit: is not written as it should be'],
    [{ silent: 1 }, 'silent: must be true or false'],
    [{ resources: { GPU: 'one' } }, 'resources.GPU: must be a number'],
    [{ nthread: 1 }, 'nthread: is not known here'],
    [[], ': must be an object']
  ])('refuses %j', (value, message) => {
    expect(wrong(value)).toEqual([message]);
  });

  it('leaves to the server what it cannot read itself', () => {
    expect(wrong('a', { type: 'string', pattern: '(?P<x>a)' })).toEqual([]);
  });
});

describe('pathOf', () => {
  const value = { workers: { 'a.b': { cls: 'x' }, a: { cls: 'x' } } };

  it.each([
    ['workers.a.b.cls', ['workers', 'a.b', 'cls']],
    ['workers.a.cls', ['workers', 'a', 'cls']],
    ['spec.workers.a.options.x', ['workers', 'a', 'options', 'x']],
    ['spec', []],
    ['group', ['group']]
  ])('of %s', (field, path) => {
    expect(pathOf(field, value)).toEqual(path);
  });
});

describe('help with code', () => {
  let one: FakeCluster;
  let draft: SpecDraft;

  beforeEach(async () => {
    jest.useFakeTimers();
    one = new FakeCluster(cluster('otter'));
    one.document.spec.worker = {
      cls: 'distributed.Nanny',
      options: {}
    } as never;
    const text = new CodeEditor.Model();
    draft = new SpecDraft({ cluster: one, text, trans });
    await draft.classes.need();
  });

  afterEach(() => {
    draft.dispose();
    jest.useRealTimers();
  });

  const underlined = () => {
    const text = draft.text.sharedModel.getSource();
    return findings(draft, trans).map(
      ({ from, to, message }) => `${text.slice(from, to)}: ${message}`
    );
  };
  const spec = () => plain(draft.base) as unknown as ClusterSpec;

  it.each(['json', 'yaml'] as const)('underlines in %s', format => {
    draft.setFormat(format);
    expect(underlined()).toEqual([]);
    const wrong = spec();
    wrong.worker!.options = { nthreads: -7 };
    wrong.workers!['0'].options = { proceses: 3 };
    draft.write(wrong);
    const [first, second] = underlined();
    expect(first).toBe('-7: must be 1 or more');
    expect(second).toMatch(/^"?proceses"?: is not known here$/);
  });

  it('underlines where the text is broken', () => {
    draft.text.sharedModel.setSource('{"worker": tru}');
    expect(underlined()[0]).toMatch(/Not JSON: /);
  });

  it('shows what the server says at its field', async () => {
    const message = 'group names 3 workers, but processes is 4';
    one.plan.mockRejectedValue(
      new ApiError({ code: 'x', message, field: 'workers.0.group' })
    );
    const wrong = spec();
    wrong.workers!['0'].options = { processes: 4 };
    draft.write(wrong);
    await jest.advanceTimersByTimeAsync(Planning.QUIET);
    expect(underlined()).toEqual([`"group": ${message}`]);
  });

  /** What is offered where a bar stands in the text. */
  const offered = (text: string, format: Format) => {
    draft.setFormat(format);
    const pos = text.indexOf('|');
    const doc = text.replace('|', '');
    draft.text.sharedModel.setSource(doc);
    const state = EditorState.create({ doc });
    const found = completions(new CompletionContext(state, pos, true), draft);
    return found?.options.map(({ label }) => label) ?? null;
  };

  it.each([
    ['wor|', ['scheduler', 'worker', 'workers']],
    ['worker:\n  |', ['options', 'group']],
    [
      'worker:\n  cls: dis|',
      ['distributed.Nanny', 'speccluster_lab.MultiWorker']
    ],
    [
      'worker:\n  cls: distributed.Nanny\n  options:\n    n|',
      ['nthreads', 'memory_limit', 'silent', 'resources']
    ],
    [
      'worker:\n  cls: distributed.Nanny\n  options:\n    silent: |',
      ['true', 'false']
    ],
    ['worker:\n  options:\n    memory_limit: |', ['auto']],
    ['workers:\n  "0":\n    options:\n      |', ['nthreads']],
    ['# wor|', null]
  ])('offers in YAML %j', (text, labels) => {
    const found = offered(text, 'yaml');
    expect(labels === null ? found : found!.slice(0, 4)).toEqual(
      labels === null ? null : expect.arrayContaining(labels)
    );
  });

  it.each([
    ['{"worker": {"cls": "|"}}', '"distributed.Nanny"'],
    ['{"worker": {"options": {|', '"nthreads"'],
    ['{"worker": {"options": {"silent": |', 'true'],
    ['{"workers": {"0": {"options": {"a": [1, {"b": "}"}], "|', '"nthreads"'],
    ['{"workers": {}, |', '"worker"']
  ])('offers in JSON %j', (text, label) => {
    expect(offered(text, 'json')).toContain(label);
  });

  it('offers nothing that only templates may set, nor what is there', () => {
    const found = offered('worker:\n  options:\n    |', 'yaml');
    expect(found).toContain('nthreads');
    expect(found).not.toContain('preload');
    expect(offered('|\nworker: null\n', 'yaml')).not.toContain('worker');
  });
});
