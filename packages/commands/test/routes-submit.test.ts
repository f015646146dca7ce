import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { eventually } from '@millrace/testkit';
import { assertRefused, startRoutes } from './routes-env.ts';

const process = '/command/process';

test('a command is processed and its result is the answer', async () => {
  await using env = await startRoutes();
  const answer = await env.post(process, { taskId: 'a-1', taskType: 'ECHO', payload: { input: 'test data' } });
  assert.equal(answer.status, 200);
  const { processingTime, ...rest } = answer.body;
  assert.deepEqual(rest, { taskId: 'a-1', status: 'SUCCESS', result: { input: 'test data' } });
  assert.equal(typeof processingTime, 'number');
  assert.equal(answer.headers.get('idempotent-replay'), null);
});

test('a correlation id comes from the body, else from the header of the caller, else there is none', async () => {
  await using env = await startRoutes();
  const header = { 'X-Correlation-Id': 'from-header' };
  await env.post(process, { taskId: 'k-1', taskType: 'ECHO', correlationId: 'from-body' }, header);
  await env.post(process, { taskId: 'k-2', taskType: 'ECHO' }, header);
  await env.post('/commands', { taskId: 'k-3', taskType: 'ECHO' });
  const ids = await Promise.all(['k-1', 'k-2', 'k-3'].map(async (id) => (await env.get(`/commands/${id}`)).body));
  assert.deepEqual(
    ids.map(({ correlationId }) => correlationId),
    ['from-body', 'from-header', undefined],
  );
});

test('a command that fails is answered with 200 and FAILURE', async () => {
  await using env = await startRoutes();
  const answer = await env.post(process, { taskId: 'f-1', taskType: 'BROKEN' });
  assert.equal(answer.status, 200);
  assert.equal(answer.body.status, 'FAILURE');
  assert.match(answer.body.error.message, /never works/);
});

test('past the wait the answer is 202 with where to look, and the command goes on', async () => {
  await using env = await startRoutes();
  const answer = await env.post(process, { taskId: 'g-1', taskType: 'GATED' }, { Prefer: 'wait=0' });
  assert.equal(answer.status, 202);
  assert.equal(answer.body.status, 'ACCEPTED');
  assert.equal(answer.body.taskId, 'g-1');
  assert.equal(typeof answer.body.queuePosition, 'number');
  assert.ok(!Number.isNaN(Date.parse(answer.body.estimatedCompletion)));
  assert.equal(answer.headers.get('location'), '/commands/g-1');
  assert.equal(answer.headers.get('preference-applied'), 'wait=0');
  env.open();
  const view = await env.get('/commands/g-1?wait=5');
  assert.equal(view.body.status, 'SUCCESS');
  assert.equal(view.body.result, 'through');
});

test('a slow command is waited for past the first second, a delayed one within the wait', async () => {
  await using env = await startRoutes();
  const delayed = env.post(process, { taskId: 'slow-1', taskType: 'ECHO', delay: 1_200 });
  const short = env.post(process, { taskId: 'slow-2', taskType: 'GATED' }, { Prefer: 'wait=2' });
  assert.equal((await delayed).body.status, 'SUCCESS');
  const answer = await short;
  assert.equal(answer.status, 202);
  assert.equal(answer.headers.get('preference-applied'), 'wait=2');
});

test('respond-async and a delay beyond the wait are answered at once', async () => {
  await using env = await startRoutes();
  const headers = { Prefer: 'return=minimal, Respond-Async; foo' };
  const direct = await env.post(process, { taskId: 'r-1', taskType: 'GATED' }, headers);
  assert.equal(direct.status, 202);
  assert.equal(direct.headers.get('preference-applied'), 'respond-async');
  const delayed = await env.post(process, { taskId: 'r-2', taskType: 'ECHO', delay: 60_000 });
  assert.equal(delayed.status, 202);
  assert.equal((await env.get('/commands/r-2')).body.status, 'SCHEDULED');
});

test('the same command again is a replay, another body a conflict', async () => {
  await using env = await startRoutes();
  const body = { taskId: 'same', taskType: 'ECHO', payload: { a: 1, b: 2 } };
  const first = await env.post(process, body);
  const again = await env.post(process, { ...body, payload: { b: 2, a: 1 } });
  assert.equal(again.status, 200);
  assert.equal(again.headers.get('idempotent-replay'), 'true');
  assert.deepEqual(again.body, first.body);
  const asynchronous = await env.post('/commands', body);
  assert.equal(asynchronous.status, 200);
  assert.equal(asynchronous.headers.get('idempotent-replay'), 'true');
  assert.deepEqual(asynchronous.body, first.body);
  const conflict = await env.post(process, { ...body, payload: { a: 2 } });
  assertRefused(conflict, 409, 'COMMAND_CONFLICT');
  assert.equal(conflict.body.taskId, 'same');
  assert.equal(conflict.body.status, undefined);
  const running = { taskId: 'running', taskType: 'GATED' };
  await env.post('/commands', running);
  const replay = await env.post('/commands', running);
  assert.equal(replay.status, 202);
  assert.equal(replay.headers.get('idempotent-replay'), 'true');
});

test('a submission that is not valid is refused with the place of its fault', async () => {
  await using env = await startRoutes();
  const cases: [body: unknown, pointer: string, taskId?: string][] = [
    [{ taskType: 'ECHO' }, '/taskId'],
    [{ taskId: 'x', payload: {} }, '/taskType', 'x'],
    [{ taskId: 'a b', taskType: 'ECHO' }, '/taskId', 'a b'],
    [{ taskId: 'stats', taskType: 'ECHO' }, '/taskId', 'stats'],
    [{ taskId: 'x', taskType: 'ECHO', metadata: { priority: 'huge' } }, '/metadata/priority', 'x'],
    [{ taskId: 'x', taskType: 'TYPED', payload: { count: 'three' } }, '/payload/count', 'x'],
    [[], '/taskId'],
    ['"text"', '/taskId'],
  ];
  for (const [body, pointer, taskId] of cases) {
    const answer = await env.post(process, body);
    assertRefused(answer, 400, 'VALIDATION_ERROR');
    assert.equal(answer.body.error.details.pointer, pointer, answer.text);
    assert.equal(answer.body.status, 'FAILURE');
    assert.equal(answer.body.taskId, taskId);
  }
  assertRefused(await env.post(process, { taskId: 'x', taskType: 'NONE' }), 400, 'UNKNOWN_TASK_TYPE');
  assertRefused(await env.post(process, '{"taskId":'), 400, 'VALIDATION_ERROR');
  assertRefused(await env.post(process), 400, 'VALIDATION_ERROR');
  assert.deepEqual((await env.get('/commands')).body.items, []);
});

test('a client that goes away does not cancel its command', async () => {
  await using env = await startRoutes();
  const body = JSON.stringify({ taskId: 'left', taskType: 'GATED' });
  const headers = { 'content-type': 'application/json', 'content-length': body.length };
  const call = request(`${env.url}${process}`, { method: 'POST', headers });
  call.on('error', () => {});
  call.end(body);
  await eventually(async () => assert.equal((await env.get('/commands/left')).body.status, 'RUNNING'));
  const closed = new Promise((resolve) => call.once('close', resolve));
  call.destroy();
  await closed;
  env.open();
  assert.equal((await env.get('/commands/left?wait=5')).body.status, 'SUCCESS');
});

test('Idempotency-Key stands in for the taskId, hashed where it cannot be one', async () => {
  await using env = await startRoutes();
  const body = { taskType: 'ECHO', payload: 1 };
  const plain = await env.post('/commands', body, { 'Idempotency-Key': '"order-17"' });
  assert.equal(plain.body.taskId, 'order-17');
  const odd = await env.post('/commands', body, { 'Idempotency-Key': 'order 17/é' });
  const again = await env.post('/commands', body, { 'Idempotency-Key': 'order 17/é' });
  assert.match(odd.body.taskId, /^key-[\w-]{43}$/);
  assert.equal(again.body.taskId, odd.body.taskId);
  assert.equal(again.headers.get('idempotent-replay'), 'true');
  const own = await env.post('/commands', { ...body, taskId: 'mine' }, { 'Idempotency-Key': 'other' });
  assert.equal(own.body.taskId, 'mine');
  const reserved = await env.post('/commands', body, { 'Idempotency-Key': 'stats' });
  assert.match(reserved.body.taskId, /^key-/);
  const without = await env.post('/commands', body);
  assert.match(without.body.taskId, /^[\da-f-]{36}$/);
  assertRefused(await env.post('/commands', body, { 'Idempotency-Key': '' }), 400, 'VALIDATION_ERROR');
});

test('a batch answers item by item, as an array and line by line', async () => {
  await using env = await startRoutes();
  const good = { taskId: 'b-1', taskType: 'ECHO', payload: 1 };
  const array = [good, { taskId: 'b-2', taskType: 'NONE' }, good, { ...good, payload: 2 }, 7, { taskType: 'ECHO' }];
  const answer = await env.post('/commands/batch', array);
  assert.equal(answer.status, 200);
  const [first, unknown, twice, conflict, number, anonymous] = answer.body.items;
  assert.deepEqual(first, { taskId: 'b-1', status: 'ACCEPTED' });
  assert.equal(unknown.error.code, 'UNKNOWN_TASK_TYPE');
  assert.equal(unknown.taskId, 'b-2');
  assert.deepEqual(twice, { taskId: 'b-1', status: 'ACCEPTED', replay: true });
  assert.equal(conflict.error.code, 'COMMAND_CONFLICT');
  assert.equal(number.error.code, 'VALIDATION_ERROR');
  assert.equal(anonymous.status, 'ACCEPTED');

  const lines = `{"taskId":"n-1","taskType":"ECHO"}\n{broken\n\n{"taskId":"n-4","taskType":"NONE"}\n{"taskId":"n-5","taskType":"ECHO"}`;
  const ndjson = await env.post('/commands/batch', lines, { 'content-type': 'application/x-ndjson' });
  assert.equal(ndjson.status, 200);
  const brief = ndjson.body.items.map(({ taskId, line, status, error }: Record<string, { code: string }>) => [
    taskId,
    line,
    status ?? error?.code,
  ]);
  assert.deepEqual(brief, [
    ['n-1', undefined, 'ACCEPTED'],
    [undefined, 2, 'VALIDATION_ERROR'],
    ['n-4', 4, 'UNKNOWN_TASK_TYPE'],
    ['n-5', undefined, 'ACCEPTED'],
  ]);
  const tooMany = `[${'1,'.repeat(10_000)}1]`;
  assertRefused(await env.post('/commands/batch', tooMany), 413, 'TOO_MANY_ITEMS');
  assertRefused(await env.post('/commands/batch', '{}'), 400, 'VALIDATION_ERROR');
});

test('the trace of the caller reaches the store only when it is well formed', async () => {
  await using env = await startRoutes();
  const trace = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
  await env.post('/commands', { taskId: 't-1', taskType: 'ECHO' }, { traceparent: trace });
  await env.post('/commands', { taskId: 't-2', taskType: 'ECHO' }, { traceparent: `00-${'0'.repeat(32)}-x-01` });
  const rows = await env.store.lookup<{ trace: string | null }>(
    'SELECT p.trace AS trace FROM commands c LEFT JOIN command_payloads p ON p.command_id = c.id ORDER BY c.task_id',
  );
  assert.deepEqual(
    rows.map((row) => row.trace),
    [trace, null],
  );
});
