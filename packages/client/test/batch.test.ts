import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient } from '@millrace/client';
import type { BatchItem, SubmitInput } from '@millrace/kit';
import { answer, drop, startWireServer } from './wire-server.ts';

const retries = { initialDelayMs: 1, maxDelayMs: 10, maxAttempts: 3 };
const linesOf = (body: string): SubmitInput[] =>
  body
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as SubmitInput);
const accept = (input: SubmitInput): BatchItem => ({ taskId: input.taskId!, status: 'ACCEPTED' });
const numbered = (count: number): SubmitInput[] =>
  Array.from({ length: count }, (_, index) => ({ taskId: `t-${index}`, taskType: 'GREET' }));

test('a large submission is cut into batches and answered in order', async () => {
  await using server = await startWireServer((request, response) =>
    answer(response, 200, { items: linesOf(request.body).map(accept) }),
  );
  const items = await createClient({ url: server.url }).submitMany(numbered(25_000));
  assert.deepEqual(
    server.requests.map((request) => linesOf(request.body).length),
    [10_000, 10_000, 5_000],
  );
  assert.equal(items.length, 25_000);
  assert.equal(items[24_999]?.taskId, 't-24999');
  assert.equal(server.requests[0]?.headers['content-type'], 'application/x-ndjson');
});

test('a batch stays under its bytes, and an item that is larger fails alone', async () => {
  await using server = await startWireServer((request, response) =>
    answer(response, 200, { items: linesOf(request.body).map(accept) }),
  );
  const sized = (taskId: string, length: number): SubmitInput => ({
    taskId,
    taskType: 'T',
    payload: 'é'.repeat(length),
  });
  const inputs = [sized('a', 200), sized('b', 200), sized('big', 2_000), sized('c', 200)];
  const items = await createClient({ url: server.url }).submitMany(inputs, { bytesMax: 1_000 });
  assert.deepEqual(
    items.map((item) => ('error' in item ? item.error.code : item.taskId)),
    ['a', 'b', 'CLIENT_ITEM_TOO_LARGE', 'c'],
  );
  for (const request of server.requests) assert.ok(Buffer.byteLength(request.body) <= 1_000);
});

test('a batch whose answer is lost is repeated with the same ids', async () => {
  await using server = await startWireServer((request, response) => {
    if (server.requests.length === 1) return drop(response);
    answer(response, 200, { items: linesOf(request.body).map(accept) });
  });
  await createClient({ url: server.url, retries }).submitMany([{ taskType: 'GREET' }, { taskType: 'GREET' }]);
  const [first, second] = server.requests;
  assert.equal(first?.body, second?.body);
  assert.notEqual(linesOf(first!.body)[0]?.taskId, linesOf(first!.body)[1]?.taskId);
});

test('items that are shed are sent again, and no others', async () => {
  const shed = { error: { code: 'OVERLOADED', message: '', details: {}, retryable: true } };
  const wrong = { error: { code: 'VALIDATION_ERROR', message: '', details: {}, retryable: false } };
  await using server = await startWireServer((request, response) => {
    const inputs = linesOf(request.body);
    const items = server.requests.length === 1 ? [accept(inputs[0]!), shed, wrong] : inputs.map(accept);
    answer(response, 200, { items });
  });
  const items = await createClient({ url: server.url, retries }).submitMany(numbered(3));
  assert.deepEqual(
    items.map((item) => ('error' in item ? item.error.code : item.taskId)),
    ['t-0', 't-1', 'VALIDATION_ERROR'],
  );
  assert.deepEqual(
    linesOf(server.requests[1]!.body).map((input) => input.taskId),
    ['t-1'],
  );
});

test('inputs are taken from a stream batch by batch', async () => {
  await using server = await startWireServer((request, response) =>
    answer(response, 200, { items: linesOf(request.body).map(accept) }),
  );
  async function* source(): AsyncGenerator<SubmitInput> {
    yield* numbered(5);
  }
  const sizes: number[] = [];
  for await (const items of createClient({ url: server.url }).submitBatches(source(), { itemsMax: 2 })) {
    sizes.push(items.length);
  }
  assert.deepEqual(sizes, [2, 2, 1]);
});
