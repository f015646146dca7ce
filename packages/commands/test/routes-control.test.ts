import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { eventually } from '@millrace/testkit';
import { assertRefused, type RoutesEnv, startRoutes } from './routes-env.ts';

const taskIds = (answer: { body: { items: { taskId: string }[] } }) => answer.body.items.map(({ taskId }) => taskId);

test('a command is shown whole or by the fields asked for', async () => {
  await using env = await startRoutes();
  const body = {
    taskId: 'v-1',
    taskType: 'ECHO',
    payload: { a: 1 },
    correlationId: 'c-1',
    metadata: { priority: 'high' },
  };
  await env.post('/command/process', body);
  const { body: view } = await env.get('/commands/v-1');
  assert.equal(view.status, 'SUCCESS');
  assert.equal(view.attempts, 1);
  assert.equal(view.priority, 'high');
  assert.deepEqual(view.payload, { a: 1 });
  assert.equal(view.history.length, 1);
  for (const name of ['createdAt', 'startedAt', 'updatedAt', 'finishedAt']) assert.ok(Date.parse(view[name]) > 0, name);
  const some = await env.get('/commands/v-1?fields=taskId,taskType,status,error');
  assert.deepEqual(some.body, { taskId: 'v-1', taskType: 'ECHO', status: 'SUCCESS' });
  assertRefused(await env.get('/commands/v-1?fields=taskId,colour'), 400, 'VALIDATION_ERROR');
  assertRefused(await env.get('/commands/v-1?wait=soon'), 400, 'VALIDATION_ERROR');
  assertRefused(await env.get('/commands/v-1?patience=3'), 400, 'VALIDATION_ERROR');
  assertRefused(await env.get('/commands/nobody'), 404, 'COMMAND_NOT_FOUND');
});

test('lists are filtered, newest first, and paged by cursor', async () => {
  await using env = await startRoutes();
  for (const [taskId, taskType, correlationId] of [
    ['l-1', 'ECHO', 'x'],
    ['l-2', 'BROKEN', 'x'],
    ['l-3', 'ECHO', 'y'],
  ]) {
    await env.post('/command/process', { taskId, taskType, correlationId });
  }
  assert.deepEqual(taskIds(await env.get('/commands')), ['l-3', 'l-2', 'l-1']);
  assert.deepEqual(taskIds(await env.get('/commands?status=FAILURE')), ['l-2']);
  assert.deepEqual(taskIds(await env.get('/commands?taskType=ECHO&correlationId=x')), ['l-1']);
  assert.deepEqual(taskIds(await env.get('/commands?createdFrom=2020-01-01T00:00:00Z&to=2020-02-01')), []);
  assert.equal((await env.get('/commands?from=2020-01-01')).body.items.length, 3);
  const some = await env.get('/commands?fields=taskId,status,error&status=FAILURE');
  assert.equal(some.body.items[0].error.code, 'PROCESSING_ERROR');
  assert.deepEqual(Object.keys(some.body.items[0]), ['taskId', 'status', 'error']);
  const withResult = await env.get('/commands?fields=result&limit=1');
  assert.deepEqual(withResult.body.items, [{ result: null }]);
  const first = await env.get('/commands?limit=2');
  assert.deepEqual(taskIds(first), ['l-3', 'l-2']);
  const rest = await env.get(`/commands?limit=2&cursor=${first.body.nextCursor}`);
  assert.deepEqual(taskIds(rest), ['l-1']);
  assert.equal(rest.body.nextCursor, null);
  for (const query of ['status=LOST', 'limit=0', 'limit=5000', 'from=yesterday', 'cursor=!', 'typ=ECHO']) {
    assertRefused(await env.get(`/commands?${query}`), 400, 'VALIDATION_ERROR');
  }
});

test('statistics count ended commands by type', async () => {
  await using env = await startRoutes();
  await env.post('/command/process', { taskId: 's-1', taskType: 'ECHO' });
  await env.post('/command/process', { taskId: 's-2', taskType: 'ECHO' });
  const { body } = await env.get('/commands/stats');
  assert.equal(body.items.length, 1);
  const [{ avgDuration, ...rest }] = body.items;
  assert.deepEqual(rest, { taskType: 'ECHO', count: 2, statuses: { SUCCESS: 2 } });
  assert.equal(typeof avgDuration, 'number');
  assert.deepEqual((await env.get('/commands/stats?since=2100-01-01T00:00:00%2B02:00')).body.items, []);
  assertRefused(await env.get('/commands/stats?since=2100-01-01T00:00:00'), 400, 'VALIDATION_ERROR');
});

test('a command is cancelled, run again and forgotten', async () => {
  await using env = await startRoutes();
  await env.post('/commands', { taskId: 'k-1', taskType: 'GATED' });
  assertRefused(await env.send('/commands/k-1', { method: 'DELETE' }), 409, 'COMMAND_NOT_ENDED');
  assertRefused(await env.post('/commands/k-1/retry'), 409, 'COMMAND_NOT_RETRYABLE');
  const cancelled = await env.post('/commands/k-1/cancel');
  assert.equal(cancelled.status, 200);
  assert.equal(cancelled.body.status, 'CANCELLED');
  assertRefused(await env.post('/commands/k-1/cancel'), 409, 'COMMAND_ALREADY_ENDED');
  env.open();
  const again = await env.post('/commands/k-1/retry', {});
  assert.equal(again.status, 200);
  assert.equal(again.body.run, 2);
  assert.equal((await env.get('/commands/k-1?wait=5')).body.status, 'SUCCESS');
  const removed = await env.send('/commands/k-1', { method: 'DELETE' });
  assert.equal(removed.status, 204);
  assert.equal(removed.text, '');
  assertRefused(await env.get('/commands/k-1'), 404, 'COMMAND_NOT_FOUND');
  assert.equal((await env.post('/commands', { taskId: 'k-1', taskType: 'ECHO' })).status, 202);
});

test('dead letters are listed and redriven by filter', async () => {
  await using env = await startRoutes();
  await env.post('/command/process', { taskId: 'd-1', taskType: 'BROKEN' });
  await env.post('/command/process', { taskId: 'd-2', taskType: 'BROKEN' });
  assert.deepEqual(taskIds(await env.get('/commands/dead-letters')), ['d-2', 'd-1']);
  const redrive = '/commands/dead-letters/redrive';
  assert.deepEqual((await env.post(redrive, { taskType: 'ECHO' })).body, { redriven: 0 });
  assertRefused(await env.post(redrive, { tasktype: 'BROKEN' }), 400, 'VALIDATION_ERROR');
  assertRefused(await env.post(redrive, { finishedFrom: 'today' }), 400, 'VALIDATION_ERROR');
  assertRefused(await env.post(redrive, []), 400, 'VALIDATION_ERROR');
  assert.deepEqual((await env.post(redrive, { limit: 1 })).body, { redriven: 1 });
  assert.ok((await env.post(redrive)).body.redriven >= 1);
  await eventually(async () => assert.ok((await env.get('/commands/d-1')).body.run >= 2));
});

test('a paused type waits until it is resumed', async () => {
  await using env = await startRoutes();
  const paused = await env.post('/commands/types/ECHO/pause');
  assert.deepEqual(paused.body, { taskType: 'ECHO', paused: true, depth: 0, running: 0 });
  await env.post('/commands', { taskId: 'p-1', taskType: 'ECHO' });
  const { body } = await env.get('/commands/types');
  assert.deepEqual(
    body.items.find(({ taskType }: { taskType: string }) => taskType === 'ECHO'),
    { taskType: 'ECHO', paused: true, depth: 1, running: 0 },
  );
  await env.post('/commands/types/ECHO/resume');
  assert.equal((await env.get('/commands/p-1?wait=5')).body.status, 'SUCCESS');
  assertRefused(await env.post('/commands/types/a%20b/pause'), 400, 'VALIDATION_ERROR');
});

test('each route asks for its scope', async () => {
  const apiKey = 'a-key-of-the-house';
  await using env = await startRoutes({ http: { auth: { apiKey, jwtSecret: 's'.repeat(32) } } });
  const paths: [method: string, path: string][] = [
    ['POST', '/command/process'],
    ['POST', '/commands'],
    ['POST', '/commands/batch'],
    ['GET', '/commands'],
    ['GET', '/commands/x'],
    ['GET', '/commands/stats'],
    ['GET', '/commands/types'],
    ['GET', '/commands/events'],
    ['GET', '/commands/x/events'],
    ['POST', '/commands/x/cancel'],
    ['DELETE', '/commands/x'],
    ['POST', '/commands/dead-letters/redrive'],
    ['POST', '/commands/types/ECHO/pause'],
  ];
  for (const [method, path] of paths) assertRefused(await env.send(path, { method }), 401, 'UNAUTHORIZED');
  await assertScopes(env, 's'.repeat(32));
});

async function assertScopes(env: RoutesEnv, secret: string): Promise<void> {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const bearer = (scope: string) => {
    const content = `${encode({ alg: 'HS256' })}.${encode({ scope, sub: 'me', exp: 4_000_000_000 })}`;
    const signature = createHmac('sha256', secret).update(content).digest('base64url');
    return { authorization: `Bearer ${content}.${signature}` };
  };
  const [read, write] = [bearer('read'), bearer('write')];
  assert.equal((await env.get('/commands', read)).status, 200);
  assertRefused(await env.post('/commands', { taskType: 'ECHO' }, read), 403, 'FORBIDDEN');
  assert.equal((await env.post('/commands', { taskType: 'ECHO' }, write)).status, 202);
  assertRefused(await env.post('/commands/dead-letters/redrive', {}, write), 403, 'FORBIDDEN');
  assertRefused(await env.post('/commands/types/ECHO/pause', undefined, write), 403, 'FORBIDDEN');
}
