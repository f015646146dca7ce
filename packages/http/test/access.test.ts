import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { test } from 'node:test';
import { VirtualClock } from '@millrace/kit';
import { SignJWT } from 'jose';
import { assertSafeBinding, createHttpServer } from '../src/index.ts';
import { assertError, startTestServer } from './http-test-env.ts';

const API_KEY = 'correct-horse-battery-staple';
const JWT_SECRET = 'a-secret-of-at-least-thirty-two-bytes!';
const START_MS = Date.UTC(2026, 0, 1);

function sign(claims: Record<string, unknown>, secret = JWT_SECRET, expiresAtMs = START_MS + 3_600_000) {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject('ada')
    .setExpirationTime(Math.floor(expiresAtMs / 1_000))
    .sign(new TextEncoder().encode(secret));
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** Sends a request with any Host header, which `fetch` does not allow. */
function statusWith(url: string, headers: Record<string, string>, method = 'GET'): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(url, { method, headers }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    sent.on('error', reject);
    sent.end();
  });
}

test('nothing but health is open once a key is set', async () => {
  await using env = await startTestServer({ auth: { apiKey: API_KEY } });
  for (const path of ['/items/a', '/metrics', '/docs', '/openapi.json', '/nothing']) {
    const answer = await env.get(path);
    assertError(answer, 401, 'UNAUTHORIZED');
    assert.match(answer.headers.get('www-authenticate') ?? '', /^Bearer/);
  }
  assertError(await env.post('/echo', { taskId: 'a' }), 401, 'UNAUTHORIZED');
  for (const path of ['/health', '/health/live', '/health/ready', '/health/detailed']) {
    assert.equal((await env.get(path)).status, 200, path);
  }
});

test('the API key opens everything, in its header or as a bearer token', async () => {
  await using env = await startTestServer({ auth: { apiKey: API_KEY, apiKeyHeader: 'X-My-Key' } });
  for (const headers of [{ 'x-my-key': API_KEY }, bearer(API_KEY)] as Record<string, string>[]) {
    assert.equal((await env.get('/items/a', headers)).status, 200);
    assert.equal((await env.post('/echo', { taskId: 'a' }, headers)).status, 200);
    assert.equal((await env.send('/items/a', { method: 'DELETE', headers })).status, 200);
  }
  assert.equal((await env.get('/items/a', { 'x-my-key': `${API_KEY}x` })).status, 401);
  assert.equal((await env.get('/items/a', { 'x-api-key': API_KEY })).status, 401);
  assert.equal((await env.get('/items/a?access_token=correct-horse-battery-staple')).status, 401);
});

test('a token opens what its scopes say', async () => {
  const clock = new VirtualClock(START_MS);
  await using env = await startTestServer({ auth: { jwtSecret: JWT_SECRET }, clock });
  const statuses = async (token: string) => [
    (await env.get('/items/a', bearer(token))).status,
    (await env.post('/echo', { taskId: 'a' }, bearer(token))).status,
    (await env.send('/items/a', { method: 'DELETE', headers: bearer(token) })).status,
  ];
  assert.deepEqual(await statuses(await sign({ scope: 'read' })), [200, 403, 403]);
  assert.deepEqual(await statuses(await sign({ scope: 'read write' })), [200, 200, 403]);
  assert.deepEqual(await statuses(await sign({ scopes: ['admin'] })), [200, 200, 200]);
  assert.deepEqual(await statuses(await sign({ scope: 'other' })), [403, 403, 403]);
  assertError(await env.get('/items/a', bearer(await sign({}))), 403, 'FORBIDDEN');
});

test('expired, foreign and unsigned tokens are refused, also when they were good before', async () => {
  const clock = new VirtualClock(START_MS);
  await using env = await startTestServer({ auth: { jwtSecret: JWT_SECRET }, clock });
  const good = await sign({ scope: 'read' });
  assert.equal((await env.get('/items/a', bearer(good))).status, 200);
  assert.equal((await env.get('/items/a', bearer(good))).status, 200);
  clock.advance(3_600_001);
  assert.equal((await env.get('/items/a', bearer(good))).status, 401);
  const unsigned = `${btoa('{"alg":"none"}')}.${btoa('{"scope":"admin","exp":9999999999}')}.`;
  const foreign = await sign({ scope: 'admin' }, 'another-secret-of-thirty-two-bytes-or-so', clock.now() + 1_000);
  for (const token of [unsigned, foreign, 'x.y.z', 'nonsense']) {
    assertError(await env.get('/items/a', bearer(token)), 401, 'UNAUTHORIZED');
  }
});

test('metrics and docs can be left open', async () => {
  await using env = await startTestServer({ auth: { apiKey: API_KEY, metricsPublic: true, docsPublic: true } });
  for (const path of ['/metrics', '/docs', '/docs/static/swagger-ui.css', '/openapi.json']) {
    assert.equal((await env.get(path)).status, 200, path);
  }
  assert.equal((await env.get('/items/a')).status, 401);
});

test('without credentials it binds to loopback addresses only', async () => {
  for (const host of ['127.0.0.1', '127.8.8.8', 'localhost', '::1']) assertSafeBinding({ host });
  for (const host of ['0.0.0.0', '::', '192.168.0.7', 'example.com', '127.0.0.1.example.com']) {
    assert.throws(() => assertSafeBinding({ host, auth: { apiKey: '' } }), { code: 'UNSAFE_BINDING' });
    assertSafeBinding({ host, auth: { apiKey: 'x' } });
    assertSafeBinding({ host, auth: { jwtSecret: 'x' } });
  }
  await using server = createHttpServer({ host: '0.0.0.0', port: 0 });
  await assert.rejects(server.start(), { code: 'UNSAFE_BINDING', message: /API_KEY or JWT_SECRET/ });
});

test('on a loopback address only local names and configured ones are answered', async () => {
  await using env = await startTestServer({ allowedHosts: ['millrace.test'] });
  const url = `${env.server.url}/items/a`;
  for (const host of ['localhost', 'LOCALHOST:99', '127.0.0.1:3001', '[::1]:3001', 'millrace.test:80']) {
    assert.equal(await statusWith(url, { host }), 200, host);
  }
  for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', 'a:b:c']) {
    assert.equal(await statusWith(url, { host }), 421, host);
  }
});

test('a web page of another origin cannot write to an open server', async () => {
  await using env = await startTestServer({ cors: { origins: ['https://app.example'] } });
  const cancel = (origin: string) => env.send('/items/a/cancel', { method: 'POST', headers: { origin } });
  assertError(await cancel('https://evil.example'), 403, 'ORIGIN_NOT_ALLOWED');
  assertError(await cancel('null'), 403, 'ORIGIN_NOT_ALLOWED');
  assert.equal((await cancel(env.server.url)).status, 200);
  const allowed = await cancel('https://app.example');
  assert.equal(allowed.status, 200);
  assert.equal(allowed.headers.get('access-control-allow-origin'), 'https://app.example');
});

test('CORS is off by default, and a preflight needs no key', async () => {
  await using closed = await startTestServer();
  const answer = await closed.get('/items/a', { origin: 'https://app.example' });
  assert.equal(answer.headers.get('access-control-allow-origin'), null);
  await using env = await startTestServer({ auth: { apiKey: API_KEY }, cors: { origins: ['https://app.example'] } });
  const preflight = await env.send('/echo', {
    method: 'OPTIONS',
    headers: {
      origin: 'https://app.example',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'x-api-key',
    },
  });
  assert.equal(preflight.status, 204);
  assert.equal(preflight.headers.get('access-control-allow-headers'), 'x-api-key');
});
