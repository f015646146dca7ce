import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { createHttpServer } from '../src/index.ts';
import { assertError, startTestServer } from './http-test-env.ts';

test('past the rate limit it answers 429 with Retry-After, health excepted', async () => {
  await using env = await startTestServer({ rateLimit: { enabled: true, maxRequests: 2, windowMs: 60_000 } });
  assert.equal((await env.get('/items/a')).status, 200);
  assert.equal((await env.get('/items/a', { 'x-api-key': 'made up' })).status, 200);
  const answer = await env.get('/items/a', { 'x-api-key': 'made up again' });
  assertError(answer, 429, 'RATE_LIMITED');
  assert.equal(answer.body.error.retryable, true);
  assert.ok(Number(answer.headers.get('retry-after')) >= 1);
  assert.equal((await env.get('/health')).status, 200);
});

test('the rate limit counts by key where keys are asked for', async () => {
  const auth = { apiKey: 'k' };
  await using env = await startTestServer({ auth, rateLimit: { enabled: true, maxRequests: 1 } });
  assert.equal((await env.get('/items/a')).status, 401);
  assert.equal((await env.get('/items/a')).status, 401);
  assert.equal((await env.get('/items/a', { 'x-api-key': 'k' })).status, 200);
  assert.equal((await env.get('/items/a', { 'x-api-key': 'k' })).status, 429);
});

test('an overloaded process refuses writes and still answers reads', async () => {
  let retryAfterMs: number | undefined = 2_500;
  await using env = await startTestServer({ overloaded: () => retryAfterMs });
  const answer = await env.post('/echo', { taskId: 'a' });
  assertError(answer, 503, 'SERVICE_OVERLOADED');
  assert.equal(answer.headers.get('retry-after'), '3');
  assert.equal((await env.get('/items/a')).status, 200);
  assert.equal((await env.send('/items/a/cancel', { method: 'POST' })).status, 200);
  retryAfterMs = undefined;
  assert.equal((await env.post('/echo', { taskId: 'a' })).status, 200);
});

test('a stopping process fails readiness, refuses writes and closes their connections', async () => {
  await using env = await startTestServer();
  assert.equal((await env.get('/health/ready')).status, 200);
  env.server.stopIntake();
  env.server.stopIntake();
  const ready = await env.get('/health/ready');
  assert.equal(ready.status, 503);
  assert.equal(ready.body.status, 'stopping');
  const answer = await env.post('/echo', { taskId: 'a' });
  assertError(answer, 503, 'SERVICE_STOPPING');
  assert.equal(answer.headers.get('retry-after'), '1');
  assert.equal(answer.headers.get('connection'), 'close');
  assert.equal((await env.get('/items/a')).status, 200);
  assert.equal((await env.get('/health/live')).status, 200);
});

test('large answers to GET are compressed, small ones are not', async () => {
  await using env = await startTestServer();
  const large = await env.get('/large', { 'accept-encoding': 'gzip' });
  assert.equal(large.headers.get('content-encoding'), 'gzip');
  assert.equal((large.body.text as string).length, 5_000);
  assert.equal((await env.get('/items/a', { 'accept-encoding': 'gzip' })).headers.get('content-encoding'), null);
  assert.equal((await env.get('/large', { 'accept-encoding': 'identity' })).headers.get('content-encoding'), null);
});

test('start and stop may come in any order and number', async () => {
  const unused = createHttpServer({ port: 0 });
  await unused.stop();
  await unused.stop();
  const server = createHttpServer({ port: 0 });
  assert.throws(() => server.url, TypeError);
  await Promise.all([server.start(), server.start()]);
  const { url } = server;
  assert.equal((await fetch(`${url}/health/live`)).status, 200);
  assert.throws(() => server.register(() => {}), TypeError);
  await Promise.all([server.stop(), server.stop()]);
  await assert.rejects(fetch(`${url}/health/live`));
});

test('a port that is taken is named', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  await using server = createHttpServer({ port });
  await assert.rejects(server.start(), { code: 'LISTEN_FAILED', message: new RegExp(`127.0.0.1:${port}`) });
  taken.close();
});

test('stopping waits for requests that are open, and cuts them after the grace', async () => {
  let entered = () => {};
  const inside = new Promise<void>((resolve) => {
    entered = resolve;
  });
  const env = await startTestServer({ stopGraceMs: 50 }, (server) => {
    server.register((app) => {
      app.get('/hangs', () => {
        entered();
        return new Promise(() => {});
      });
    });
  });
  const cut = assert.rejects(env.get('/hangs'));
  await inside;
  await env.server.stop();
  await cut;
});
