import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { BATCH_ITEMS_MAX } from '../src/index.ts';
import { type Answer, assertError, startTestServer } from './http-test-env.ts';

const NDJSON = { 'content-type': 'application/x-ndjson' };

interface Item {
  readonly value?: unknown;
  readonly line?: number;
  readonly error?: { readonly code: string };
}

const itemsOf = (answer: Answer) => answer.body.items as readonly Item[];

test('each line is an item, and a bad line fails alone', async () => {
  await using env = await startTestServer();
  const lines = ['{"a":1}', '', '{broken', '  ', '"x"', `${'['.repeat(100)}`, '{"__proto__":{}}', '{"b":"ü"}'];
  const answer = await env.post('/batch', `${lines.join('\r\n')}`, NDJSON);
  assert.equal(answer.status, 200);
  assert.deepEqual(
    itemsOf(answer).map(({ line, value, error }) => [line, value ?? error?.code]),
    [
      [1, { a: 1 }],
      [3, 'VALIDATION_ERROR'],
      [5, 'x'],
      [6, 'VALIDATION_ERROR'],
      [7, 'VALIDATION_ERROR'],
      [8, { b: 'ü' }],
    ],
  );
});

test('an array is a batch too, and a hostile item fails alone', async () => {
  await using env = await startTestServer();
  const deep = `${'['.repeat(90)}${']'.repeat(90)}`;
  const answer = await env.post('/batch', `[{"a":1},{"x":{"__proto__":{"y":1}}},${deep},3]`);
  assert.deepEqual(
    itemsOf(answer).map(({ value, error }) => value ?? error?.code),
    [{ a: 1 }, 'VALIDATION_ERROR', 'VALIDATION_ERROR', 3],
  );
  assertError(await env.post('/batch', '{"a":1}'), 400, 'VALIDATION_ERROR');
  assertError(await env.post('/batch', '[1,'), 400, 'VALIDATION_ERROR');
  assertError(await env.post('/batch', Buffer.from([0x5b, 0xff, 0x5d])), 400, 'VALIDATION_ERROR');
  assertError(await env.post('/batch', 'x', { 'content-type': 'text/csv' }), 415, 'UNSUPPORTED_MEDIA_TYPE');
});

test('gzip, deflate, br and zstd bodies are decoded', async () => {
  await using env = await startTestServer();
  const body = Array.from({ length: 1_000 }, (_, index) => JSON.stringify({ index })).join('\n');
  const encoders = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync, zstd: zstdCompressSync };
  for (const [encoding, encode] of Object.entries(encoders)) {
    const answer = await env.post('/batch', encode(body), { ...NDJSON, 'content-encoding': encoding });
    assert.equal(answer.status, 200, encoding);
    assert.equal(itemsOf(answer).length, 1_000);
  }
});

test('a body that is not what its encoding says is a client error', async () => {
  await using env = await startTestServer();
  const cut = gzipSync('{"a":1}\n'.repeat(1_000)).subarray(0, 30);
  for (const body of ['not gzip', cut]) {
    assertError(await env.post('/batch', body, { ...NDJSON, 'content-encoding': 'gzip' }), 400, 'VALIDATION_ERROR');
  }
  const unknown = await env.post('/batch', '1', { ...NDJSON, 'content-encoding': 'lzma' });
  assertError(unknown, 415, 'UNSUPPORTED_ENCODING');
});

test('a gzip bomb stops at the decoded limit', async () => {
  await using env = await startTestServer({ batchBodyLimitBytes: 1024 * 1024 });
  const bomb = Buffer.concat(Array(256).fill(gzipSync(Buffer.alloc(1024 * 1024, 0x20))));
  const before = process.memoryUsage.rss();
  const answer = await env.post('/batch', bomb, { ...NDJSON, 'content-encoding': 'gzip' });
  assertError(answer, 413, 'PAYLOAD_TOO_LARGE');
  assert.ok(process.memoryUsage.rss() - before < 128 * 1024 * 1024);
});

test('a plain body beyond the limit and too many items are 413', async () => {
  await using env = await startTestServer({ batchBodyLimitBytes: 1024 * 1024 });
  assertError(await env.post('/batch', Buffer.alloc(1024 * 1024 + 1, 0x20), NDJSON), 413, 'PAYLOAD_TOO_LARGE');
  const tooMany = BATCH_ITEMS_MAX + 1;
  assertError(await env.post('/batch', '1\n'.repeat(tooMany), NDJSON), 413, 'TOO_MANY_ITEMS');
  assertError(await env.post('/batch', Array(tooMany).fill(1)), 413, 'TOO_MANY_ITEMS');
  assert.equal(itemsOf(await env.post('/batch', '1\n'.repeat(BATCH_ITEMS_MAX), NDJSON)).length, BATCH_ITEMS_MAX);
});

test('a body of unknown length is cut at the limit and still answered', async () => {
  await using env = await startTestServer({ batchBodyLimitBytes: 256 * 1024 });
  const chunk = Buffer.alloc(64 * 1024, 0x20);
  const body = ReadableStream.from(Array(8).fill(chunk));
  const init = { method: 'POST', headers: NDJSON, body, duplex: 'half' } as RequestInit;
  assertError(await env.send('/batch', init), 413, 'PAYLOAD_TOO_LARGE');
});
