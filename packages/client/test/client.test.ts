import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient, MillraceApiError, type MillraceClient } from '@millrace/client';
import { defineCommand } from '@millrace/kit';
import { z } from 'zod';
import { accepted, answer, answerError, drop, startWireServer, view } from './wire-server.ts';

const QUICK = { initialDelayMs: 1, maxDelayMs: 2_000 };
const clientOf = (server: { url: string }, options: object = {}): MillraceClient =>
  createClient({ url: server.url, retries: QUICK, ...options });
const taskIdOf = (body: string): string => (JSON.parse(body) as { taskId: string }).taskId;
const refusal =
  (code: string, status: number) =>
  (error: unknown): boolean =>
    error instanceof MillraceApiError && error.code === code && error.status === status;

test('a submission whose answer is lost is repeated with the same taskId', async () => {
  await using server = await startWireServer((request, response) => {
    if (server.requests.length === 1) return drop(response);
    answer(response, 202, accepted(taskIdOf(request.body)), { 'Idempotent-Replay': 'true' });
  });
  const task = await clientOf(server).submit({ taskType: 'GREET', payload: { name: 'Ada' } });
  const ids = server.requests.map((request) => taskIdOf(request.body));
  assert.deepEqual(ids, [task.taskId, task.taskId]);
  assert.equal(task.replay, true);
  assert.equal(task.queuePosition, 1);
});

test('a busy server is asked again after its Retry-After', async () => {
  await using server = await startWireServer((request, response) => {
    if (server.requests.length === 1) return answerError(response, 503, 'SERVICE_OVERLOADED', '1');
    answer(response, 202, accepted(taskIdOf(request.body)));
  });
  const startedAt = performance.now();
  await clientOf(server).submit({ taskType: 'GREET' });
  assert.ok(performance.now() - startedAt >= 990, 'the pause was kept');
});

test('attempts are bounded, and the last answer is thrown with its fields', async () => {
  await using server = await startWireServer((_, response) => answerError(response, 429, 'RATE_LIMITED', '0'));
  const client = clientOf(server, { retries: { ...QUICK, maxAttempts: 3 } });
  await assert.rejects(client.submit({ taskType: 'GREET' }), (error: MillraceApiError) => {
    assert.deepEqual(
      [error.code, error.status, error.retryable, error.retryAfterMs, error.details],
      ['RATE_LIMITED', 429, true, 0, { field: 'x' }],
    );
    return true;
  });
  assert.equal(server.requests.length, 3);
});

test('a Retry-After beyond the longest delay ends the call at once', async () => {
  await using server = await startWireServer((_, response) => answerError(response, 503, 'STORE_FULL', '3600'));
  await assert.rejects(clientOf(server).get('x'), refusal('STORE_FULL', 503));
  assert.equal(server.requests.length, 1);
});

test('an answer that says the request is wrong is not repeated', async () => {
  await using server = await startWireServer((_, response) => answerError(response, 400, 'VALIDATION_ERROR'));
  await assert.rejects(clientOf(server).submit({ taskType: '' }), refusal('VALIDATION_ERROR', 400));
  assert.equal(server.requests.length, 1);
});

test('a retry whose answer is lost is not repeated, since it may have opened a run', async () => {
  await using server = await startWireServer((_, response) => drop(response));
  await assert.rejects(clientOf(server).retry('x'), refusal('CLIENT_UNREACHABLE', 0));
  assert.equal(server.requests.length, 1);
});

test('a server that is not there is named in the error', async () => {
  const gone = await startWireServer(() => {});
  await gone[Symbol.asyncDispose]();
  const client = clientOf(gone, { retries: { ...QUICK, maxAttempts: 2 } });
  await assert.rejects(client.retry('x'), (error: MillraceApiError) => {
    assert.equal(error.message, `No answer from ${gone.url} after 2 attempts: ECONNREFUSED.`);
    return true;
  });
});

test('an abort ends a call while it waits for its next attempt', async () => {
  const abort = new AbortController();
  await using server = await startWireServer((_, response) => {
    answerError(response, 503, 'SERVICE_OVERLOADED', '2');
    response.once('close', () => abort.abort(new Error('enough')));
  });
  await assert.rejects(clientOf(server).get('x', { signal: abort.signal }), /enough/);
});

test('a server that accepts and says nothing is given up after the timeout', async () => {
  await using server = await startWireServer(() => {});
  const client = clientOf(server, { requestTimeoutMs: 30, retries: { ...QUICK, maxAttempts: 2 } });
  await assert.rejects(client.get('x'), /after 2 attempts: no answer within 30 ms/);
});

test('an answer that is not of Millrace is called that', async () => {
  await using server = await startWireServer((_, response) => response.end('<html>') && undefined);
  await assert.rejects(clientOf(server).get('x'), refusal('CLIENT_BAD_ANSWER', 200));
});

test('process asks for the wait in whole seconds and gives the outcome', async () => {
  await using server = await startWireServer((request, response) =>
    answer(response, 200, { taskId: taskIdOf(request.body), status: 'SUCCESS', result: { text: 'hi' } }),
  );
  const done = await clientOf(server, { apiKey: 'k', token: 't' }).process({ taskType: 'GREET' }, { waitMs: 1_500 });
  assert.deepEqual(done.outcome?.result, { text: 'hi' });
  const { headers, path } = server.requests[0]!;
  assert.deepEqual(
    [path, headers.prefer, headers['x-api-key'], headers.authorization],
    ['/command/process', 'wait=2', 'k', 'Bearer t'],
  );
});

test('result waits until the command has ended', async () => {
  await using server = await startWireServer((_, response) => {
    const ended = { status: 'SUCCESS', result: 7, finishedAt: '2026-01-01T00:00:01.500Z' };
    answer(response, 200, view('t-1', server.requests.length < 3 ? {} : ended));
  });
  const outcome = await clientOf(server).result('t-1');
  assert.deepEqual(outcome, { taskId: 't-1', status: 'SUCCESS', result: 7, processingTime: 1_500 });
  assert.match(server.requests[0]?.path ?? '', /^\/commands\/t-1\?wait=20&fields=taskId%2Cstatus/);
});

test('result gives up when its wait is over', async () => {
  await using server = await startWireServer((_, response) => answer(response, 200, view('t-1')));
  assert.equal(await clientOf(server).result('t-1', { waitMs: 0 }), undefined);
  assert.equal(server.requests.length, 1);
});

test('payload and result are typed by the definition', async () => {
  const greet = defineCommand({
    type: 'GREET',
    payload: z.object({ name: z.string(), times: z.number().default(1) }),
    result: z.object({ text: z.string() }),
    handler: ({ payload }) => ({ text: `hi ${payload.name} ${payload.times}` }),
  });
  await using server = await startWireServer((request, response) => {
    if (request.method === 'POST') return answer(response, 202, accepted(taskIdOf(request.body)));
    answer(response, 200, view('t-9', { status: 'SUCCESS', result: { text: 'hi Ada 1' } }));
  });
  const client = clientOf(server);
  const task = await client.submit(greet, { name: 'Ada' }, { taskId: 't-9', metadata: { priority: 'high' } });
  const outcome = await client.result(task);
  const text: string | undefined = outcome?.result?.text;
  assert.equal(text, 'hi Ada 1');
  assert.deepEqual(JSON.parse(server.requests[0]!.body), {
    taskId: 't-9',
    taskType: 'GREET',
    payload: { name: 'Ada' },
    metadata: { priority: 'high' },
  });
  // @ts-expect-error a payload of another shape does not compile
  await client.submit(greet, { nom: 'Ada' });
});

test('listAll follows the cursor, and filters go out as written', async () => {
  await using server = await startWireServer((request, response) => {
    const first = !request.path.includes('cursor=');
    answer(response, 200, { items: [view(first ? 'a' : 'b')], nextCursor: first ? 'next' : null });
  });
  const from = new Date('2026-01-01T00:00:00Z');
  const all = await Array.fromAsync(clientOf(server).listAll({ status: 'FAILURE', createdFrom: from, limit: 1 }));
  assert.deepEqual(
    all.map((item) => item.taskId),
    ['a', 'b'],
  );
  assert.equal(server.requests[0]?.path, '/commands?status=FAILURE&createdFrom=2026-01-01T00%3A00%3A00.000Z&limit=1');
});

test('a url or policy that makes no sense is refused at once', () => {
  assert.throws(() => createClient({ url: 'nowhere' }), /url must be an http\(s\) URL/);
  assert.throws(() => createClient({ url: 'http://x', retries: { maxAttempts: 0 } }), /maxAttempts must be/);
});
