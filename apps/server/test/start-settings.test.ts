import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually, freePort, startProcess, type TempDir, tempDir } from '@millrace/testkit';

const BIN = fileURLToPath(new URL('../src/bin.ts', import.meta.url));
const READY = /Millrace is ready on (http:[^"]+)/;
const KEY = 'a-key-of-some-length';
const AUTHORIZED = { 'x-api-key': KEY };

/** A file with a type that ends at once, and one that computes on the event loop for as long as its payload says. */
const HANDLERS = `export const quick = { type: 'QUICK', handler: async () => null };
export const busy = {
  type: 'BUSY',
  handler: async ({ payload }) => {
    const end = performance.now() + payload.ms;
    while (performance.now() < end) {
      const pause = performance.now() + payload.blockMs;
      while (performance.now() < pause);
      await new Promise((resolve) => setImmediate(resolve));
    }
  },
};
`;

/** Starts the program as an operator does: everything by the environment. */
async function start(directory: TempDir, env: Readonly<Record<string, string>>) {
  writeFileSync(directory.join('handlers.mjs'), HANDLERS);
  const server = await startProcess({
    command: process.execPath,
    args: [BIN, 'start', '--port', '0', '--handlers', 'handlers.mjs'],
    cwd: directory.path,
    env,
    readyWhen: READY,
  });
  const [, url = ''] = await server.waitFor(READY);
  return { url, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

const submit = (url: string, body: object, path = '/commands'): Promise<Response> =>
  fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

async function codeOf(response: Response): Promise<string | undefined> {
  return ((await response.json()) as { error?: { code: string } }).error?.code;
}

test('METRICS_ENABLED=false serves no metrics, and RATE_LIMIT_* answers 429 with Retry-After', async () => {
  await using directory = await tempDir('millrace-');
  await using server = await start(directory, {
    ...{ METRICS_ENABLED: 'false', RATE_LIMIT_ENABLED: 'true', RATE_LIMIT_MAX_REQUESTS: '3' },
  });
  assert.equal((await fetch(`${server.url}/metrics`)).status, 404);
  const answers = await Promise.all([1, 2, 3, 4].map(() => fetch(`${server.url}/commands`)));
  const refused = answers.filter(({ status }) => status === 429);
  assert.ok(refused.length > 0 && refused.length < answers.length, `${refused.length} refused`);
  assert.ok(Number(refused[0]?.headers.get('retry-after')) > 0);
  assert.equal((await fetch(`${server.url}/health/live`)).status, 200, 'probes are never limited');
});

test('METRICS_PORT and METRICS_PATH move the metrics, METRICS_PUBLIC opens them and nothing else', async () => {
  await using directory = await tempDir('millrace-');
  const port = await freePort();
  await using server = await start(directory, {
    ...{ API_KEY: KEY, METRICS_PUBLIC: 'true', METRICS_PORT: String(port), METRICS_PATH: '/prometheus' },
    COMPRESSION_ENABLED: 'false',
  });
  const scraped = await fetch(`http://127.0.0.1:${port}/prometheus`);
  assert.equal(scraped.status, 200);
  assert.match(await scraped.text(), /^command_queue_depth 0$/m);
  assert.equal((await fetch(`${server.url}/prometheus`, { headers: AUTHORIZED })).status, 404);
  assert.equal((await fetch(`${server.url}/commands`)).status, 401);
  const large = await fetch(`${server.url}/openapi.json`, { headers: { ...AUTHORIZED, 'accept-encoding': 'gzip' } });
  assert.equal(large.status, 200);
  assert.equal(large.headers.get('content-encoding'), null, 'COMPRESSION_ENABLED=false');
});

test('with a key the metrics ask for it, and large answers are compressed', async () => {
  await using directory = await tempDir('millrace-');
  await using server = await start(directory, { API_KEY: KEY });
  assert.equal((await fetch(`${server.url}/metrics`)).status, 401);
  const scraped = await fetch(`${server.url}/metrics`, { headers: { ...AUTHORIZED, 'accept-encoding': 'gzip' } });
  assert.equal(scraped.status, 200);
  assert.equal(scraped.headers.get('content-encoding'), 'gzip');
});

test('EVENT_LOOP_LAG_MAX refuses new commands with 503 while the event loop lags, and takes them after', async () => {
  await using directory = await tempDir('millrace-');
  await using server = await start(directory, { EVENT_LOOP_LAG_MAX: '40' });
  await submit(server.url, { taskType: 'BUSY', payload: { ms: 4_000, blockMs: 150 } });
  const refused = await eventually(async () => {
    const response = await submit(server.url, { taskType: 'QUICK' });
    assert.equal(response.status, 503);
    return response;
  });
  assert.ok(Number(refused.headers.get('retry-after')) > 0);
  assert.equal(await codeOf(refused), 'SERVICE_OVERLOADED');
  assert.equal((await fetch(`${server.url}/commands`)).status, 200, 'reads are answered');
  assert.match(await (await fetch(`${server.url}/metrics`)).text(), /^command_shed_total\{reason="lag"\} [1-9]/m);
  await eventually(async () => assert.equal((await submit(server.url, { taskType: 'QUICK' })).status, 202), {
    withinMs: 10_000,
  });
});

test('QUEUE_AGE_MAX refuses with 429 a key that has its share while the oldest command waits too long', async () => {
  await using directory = await tempDir('millrace-');
  await using server = await start(directory, { QUEUE_AGE_MAX: '100' });
  assert.equal((await submit(server.url, {}, '/commands/types/QUICK/pause')).status, 200);
  const refused = await eventually(async () => {
    const response = await submit(server.url, { taskType: 'QUICK' });
    assert.equal(response.status, 429);
    return response;
  });
  assert.ok(Number(refused.headers.get('retry-after')) > 0);
  assert.equal(await codeOf(refused), 'OVERLOADED');
  assert.equal((await submit(server.url, {}, '/commands/types/QUICK/resume')).status, 200);
  await eventually(async () => assert.equal((await submit(server.url, { taskType: 'QUICK' })).status, 202));
});
