import { FakeServer, cluster, deferred, json } from '../../__tests__/fakes';
import { ApiClient } from '../client';
import { ApiError } from '../errors';
import type { ClusterSpec } from '../types';

const ROOT = '/base/speccluster-lab/api/v1';

async function failure(work: Promise<unknown>): Promise<ApiError> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason
  );
  expect(error).toBeInstanceOf(ApiError);
  return error as ApiError;
}

describe('ApiClient', () => {
  let server: FakeServer;
  let client: ApiClient;

  beforeEach(() => {
    server = new FakeServer();
    server.answer = () => json(cluster('otter'));
    client = new ApiClient(server.connection);
  });

  const spec = { workers: {} } as ClusterSpec;
  const calls: [string, string, () => Promise<unknown>, unknown][] = [
    ['GET', '/templates', () => client.listTemplates(), undefined],
    ['GET', '/clusters/otter', () => client.getCluster('otter'), undefined],
    [
      'POST',
      '/clusters',
      () => client.createCluster({ template: 'grouped', name: 'Otter' }),
      { template: 'grouped', name: 'Otter' }
    ],
    [
      'POST',
      '/clusters/otter/scale',
      () => client.scaleCluster('otter', { entries: 2 }),
      { entries: 2 }
    ],
    [
      'PUT',
      '/clusters/otter/spec',
      () => client.replaceSpec('otter', spec, 7),
      spec
    ],
    [
      'POST',
      '/clusters/otter/entries/a%2Fb/restart',
      () => client.restartEntry('otter', 'a/b'),
      undefined
    ],
    ['DELETE', '/clusters/otter', () => client.stopCluster('otter'), undefined]
  ];

  it.each(calls)('%s %s', async (method, path, call, body) => {
    await call();
    expect(server.seen).toHaveLength(1);
    const [seen] = server.seen;
    expect(seen.method).toBe(method);
    expect(seen.path).toBe(ROOT + path);
    expect(seen.body).toEqual(body);
    expect(seen.headers.get('Authorization')).toBe('token secret');
    expect(seen.headers.get('Content-Type')).toBe('application/json');
  });

  it('sends the generation of a change in quotes, and only there', async () => {
    await client.replaceSpec('otter', spec, 7);
    await client.scaleCluster('otter', { entries: 2 });
    expect(server.seen.map(one => one.headers.get('If-Match'))).toEqual([
      '"7"',
      null
    ]);
  });

  it('keeps an id within its part of the path', async () => {
    await client.getCluster('../../api/contents');
    expect(server.seen[0].path).toBe(
      `${ROOT}/clusters/..%2F..%2Fapi%2Fcontents`
    );
  });

  it('knows where a dashboard is, below the base URL and without the token', () => {
    expect(client.dashboardUrl('otter/..')).toBe(
      `http://localhost${ROOT}/clusters/otter%2F../dashboard/status`
    );
  });

  it('answers the body', async () => {
    await expect(client.getCluster('otter')).resolves.toEqual(cluster('otter'));
  });

  it('tells code, message, field and status of a refusal', async () => {
    server.answer = () =>
      json(
        { code: 'invalid_input', message: 'too many', field: 'entries' },
        422
      );
    const error = await failure(client.scaleCluster('otter', { entries: 9 }));
    expect({ ...error, message: error.message }).toMatchObject({
      code: 'invalid_input',
      message: 'too many',
      field: 'entries',
      status: 422
    });
  });

  it('has no field where the server names none', async () => {
    server.answer = () => json({ code: 'x', message: 'y', field: '' }, 409);
    expect((await failure(client.listTemplates())).field).toBeNull();
  });

  it.each([
    ['<html>proxy</html>', 'http_error', '502'],
    ['["list"]', 'http_error', '502'],
    ['null', 'http_error', '502'],
    ['{"message": "Forbidden", "reason": null}', 'http_error', 'Forbidden']
  ])('makes an error of the answer %s', async (body, code, message) => {
    server.answer = () => new Response(body, { status: 502 });
    const error = await failure(client.listTemplates());
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
    expect(error.status).toBe(502);
  });

  it('says so when the network is down', async () => {
    server.answer = () => Promise.reject(new TypeError('failed to fetch'));
    const error = await failure(client.listTemplates());
    expect(error.code).toBe(ApiError.NO_ANSWER);
    expect(error.status).toBe(0);
  });

  it('does not wait for ever', async () => {
    server.answer = () => deferred<Response>().promise;
    const hasty = new ApiClient(server.connection, 20);
    expect((await failure(hasty.listTemplates())).code).toBe(
      ApiError.NO_ANSWER
    );
  });
});
