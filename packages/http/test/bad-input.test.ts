import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JSON_DEPTH_MAX } from '../src/index.ts';
import { isTooDeep } from '../src/json-body.ts';
import { assertError, sendRaw, startTestServer } from './http-test-env.ts';

test('a valid body is answered, with a correlation id', async () => {
  await using env = await startTestServer();
  const answer = await env.post('/echo', { taskId: 'a', text: 'größe' }, { 'x-correlation-id': 'order-17' });
  assert.equal(answer.status, 200);
  assert.deepEqual(answer.body, { taskId: 'a', text: 'größe' });
  assert.equal(answer.headers.get('x-correlation-id'), 'order-17');
  const other = await env.post('/echo', { taskId: 'a' }, { 'x-correlation-id': 'not <harmless>' });
  assert.match(other.headers.get('x-correlation-id') ?? '', /^[0-9a-f]{16}-\w+$/);
});

test('a body that does not fit the schema names the pointer of the fault', async () => {
  await using env = await startTestServer();
  const cases: [unknown, string][] = [
    [{}, '/taskId'],
    [{ taskId: 7 }, '/taskId'],
    [{ taskId: '' }, '/taskId'],
    [{ taskId: 'x'.repeat(101) }, '/taskId'],
    [{ taskId: 'a', 'b/c': 1 }, '/b~1c'],
    [[], ''],
    ['null', ''],
    ['', ''],
  ];
  for (const [body, pointer] of cases) {
    const answer = await env.post('/echo', body);
    assertError(answer, 400, 'VALIDATION_ERROR');
    assert.equal(answer.body.error.details.pointer, pointer, answer.text);
    assert.equal(typeof answer.body.error.details.reason, 'string');
  }
});

test('query values are converted, get their defaults and are checked', async () => {
  await using env = await startTestServer();
  assert.equal((await env.get('/items/a')).body.limit, 50);
  assert.equal((await env.get('/items/a?limit=7')).body.limit, 7);
  const answer = await env.get('/items/a?limit=many');
  assertError(answer, 400, 'VALIDATION_ERROR');
  assert.equal(answer.body.error.details.in, 'querystring');
});

test('broken, hostile and oversized bodies are client errors and never a 5xx', async () => {
  await using env = await startTestServer();
  const cases: [string, string | Uint8Array, number, string][] = [
    ['a syntax error', '{"taskId":', 400, 'VALIDATION_ERROR'],
    ['bad UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]), 400, 'VALIDATION_ERROR'],
    ['a cut surrogate', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), 400, 'VALIDATION_ERROR'],
    ['deep arrays', '['.repeat(200_000), 400, 'VALIDATION_ERROR'],
    ['deep objects', `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`, 400, 'VALIDATION_ERROR'],
    ['__proto__', '{"taskId":"a","__proto__":{"admin":true}}', 400, 'VALIDATION_ERROR'],
    ['escaped __proto__', '{"taskId":"a","\\u005f_proto__":{}}', 400, 'VALIDATION_ERROR'],
    ['constructor', '{"taskId":"a","constructor":{"prototype":{}}}', 400, 'VALIDATION_ERROR'],
    ['2 MiB', Buffer.alloc(2 * 1024 * 1024, 0x20), 413, 'PAYLOAD_TOO_LARGE'],
    ['a huge number', '{"taskId":1e999}', 400, 'VALIDATION_ERROR'],
  ];
  for (const [name, body, status, code] of cases) {
    const answer = await env.post('/echo', body);
    assert.equal(answer.status, status, name);
    assertError(answer, status, code);
  }
  assert.equal(({} as Record<string, unknown>).admin, undefined);
  assert.deepEqual(env.logged, []);
});

test('wrong content types and encodings are refused with 415', async () => {
  await using env = await startTestServer();
  for (const type of ['text/plain', 'application/x-ndjson', 'application/xml', 'nonsense', 'multipart/form-data']) {
    assertError(await env.post('/echo', '{"taskId":"a"}', { 'content-type': type }), 415, 'UNSUPPORTED_MEDIA_TYPE');
  }
  const encoded = await env.post('/echo', '{"taskId":"a"}', { 'content-encoding': 'gzip' });
  assertError(encoded, 415, 'UNSUPPORTED_ENCODING');
});

test('unknown routes are 404, wrong methods 405 with Allow, broken paths 400', async () => {
  await using env = await startTestServer();
  assertError(await env.get('/nothing'), 404, 'ROUTE_NOT_FOUND');
  const answer = await env.send('/items/7?x=1', { method: 'PUT' });
  assertError(answer, 405, 'METHOD_NOT_ALLOWED');
  assert.equal(answer.headers.get('allow'), 'DELETE, GET, HEAD');
  assert.equal((await env.get('/items/%zz')).status, 400);
  assert.equal((await env.get(`/items/${'x'.repeat(5_000)}`)).status, 414);
});

test('what is not HTTP gets the same shape of error', async () => {
  await using env = await startTestServer();
  const answer = await sendRaw(env.server.url, 'HELLO?\r\n\r\n');
  assert.match(answer, /^HTTP\/1\.1 400 /);
  assert.match(answer, /"code":"BAD_REQUEST"/);
  const headers = await sendRaw(
    env.server.url,
    `GET / HTTP/1.1\r\nhost: localhost\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`,
  );
  assert.match(headers, /^HTTP\/1\.1 431 /);
});

test('our own faults are 500 without a word of their cause, which is logged', async () => {
  await using env = await startTestServer();
  const answer = await env.get('/broken');
  assertError(answer, 500, 'INTERNAL_ERROR');
  assert.doesNotMatch(answer.text, /hunter2/);
  assert.equal(env.logged.length, 1);
});

test('a route may add fields beside the error, and failing there loses nothing', async () => {
  await using env = await startTestServer({}, (server) => {
    server.register((app) => {
      const errorFields = () => ({ taskId: 't-1', status: 'FAILURE' });
      app.get('/with-fields', { config: { errorFields } }, () => Promise.reject(new Error('no')));
      const throws = () => {
        throw new Error('again');
      };
      app.get('/with-failing-fields', { config: { errorFields: throws } }, () => Promise.reject(new Error('no')));
    });
  });
  const answer = await env.get('/with-fields');
  assertError(answer, 500, 'INTERNAL_ERROR');
  assert.equal(answer.body.taskId, 't-1');
  assert.equal(answer.body.status, 'FAILURE');
  assertError(await env.get('/with-failing-fields'), 500, 'INTERNAL_ERROR');
});

test('nesting is counted outside of strings only', () => {
  const nested = (depth: number) => `${'['.repeat(depth)}"${'[{\\"'.repeat(100)}"${']'.repeat(depth)}`;
  assert.equal(isTooDeep(nested(JSON_DEPTH_MAX)), false);
  assert.equal(isTooDeep(nested(JSON_DEPTH_MAX + 1)), true);
  assert.equal(isTooDeep(`{"a":"\\\\","b":${'['.repeat(JSON_DEPTH_MAX)}`), true);
  assert.equal(isTooDeep(`"${'['.repeat(500)}`), false);
});
