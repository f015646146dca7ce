import assert from 'node:assert/strict';
import { test } from 'node:test';
import { threadId } from 'node:worker_threads';
import { defineCommand, silentLogger, systemClock } from '@millrace/kit';
import { eventually } from '@millrace/testkit';
import { createCpuPool } from '../src/index.ts';
import { createCpuEnv } from './cpu-env.ts';

const double = defineCommand({
  type: 'double',
  handler: ({ payload }) => ({ doubled: Number(payload) * 2, threadId }),
});

test('a handler runs in a thread and its result comes back', async () => {
  await using env = await createCpuEnv();
  const { status, result } = await env.run('echo', { text: 'ü' });
  assert.equal(status, 'SUCCESS');
  assert.partialDeepStrictEqual(result, { work: { do: 'echo', text: 'ü' }, attempt: 1, inThread: true });
});

test('memory beyond the limit fails only that attempt', async () => {
  await using env = await createCpuEnv({ type: { concurrency: 4 }, cpuThreads: 2 });
  const [greedy, modest] = await Promise.all([env.run('fillMemory'), env.run('sleep', { ms: 200 })]);
  assert.equal(greedy.status, 'FAILURE');
  assert.partialDeepStrictEqual(greedy.error, { code: 'RESOURCE_ERROR', details: { limitMib: 64, attempts: 2 } });
  assert.equal(modest.status, 'SUCCESS');
  assert.equal((await env.run('echo')).status, 'SUCCESS');
});

test('a handler that computes past its deadline is killed and ends as TIMEOUT_ERROR by the retry policy', async () => {
  await using env = await createCpuEnv({ definitions: [double] });
  const [spun, beside] = await Promise.all([
    env.run('spin', {}, 1_000),
    env.commands.process({ taskType: 'double', payload: 2 }, { waitMs: 900 }),
  ]);
  assert.partialDeepStrictEqual(spun.error, { code: 'TIMEOUT_ERROR', details: { attempts: 2 } });
  assert.partialDeepStrictEqual(beside.outcome?.result, { doubled: 4, threadId: 0 });
  assert.equal((await env.run('echo')).status, 'SUCCESS');
});

test('a thread that exits fails only its attempt, and the retry runs in another', async () => {
  await using env = await createCpuEnv();
  const { status, result } = await env.run('exit', { failuresBefore: 1 });
  assert.equal(status, 'SUCCESS');
  assert.deepEqual(result, { attempt: 2 });
});

test('an error thrown beside the handler fails only its attempt', async () => {
  await using env = await createCpuEnv();
  const { error } = await env.run('uncaught');
  assert.equal(error?.code, 'PROCESSING_ERROR');
  assert.match(error?.message ?? '', /thrown beside the handler/);
  assert.equal((await env.run('echo')).status, 'SUCCESS');
});

test('a thread whose command was cancelled is killed, and the next command runs', async () => {
  await using env = await createCpuEnv();
  const { taskId } = await env.commands.submit({ taskType: 'cpu', payload: { do: 'spin' } });
  await eventually(async () => assert.equal((await env.commands.get(taskId)).status, 'RUNNING'));
  await env.commands.cancel(taskId);
  assert.equal((await env.commands.get(taskId)).status, 'CANCELLED');
  assert.equal((await env.run('echo')).status, 'SUCCESS');
});

test('a handler that minds its signal ends without its thread being killed', async () => {
  await using env = await createCpuEnv({ type: { retries: { maxAttempts: 1 } } });
  const before = await env.run('echo');
  assert.equal((await env.run('untilAborted', {}, 1_000)).error?.code, 'TIMEOUT_ERROR');
  const after = await env.run('echo');
  assert.equal(threadOf(after.result), threadOf(before.result));
});

test('four commands compute in four threads at once', async () => {
  await using env = await createCpuEnv({ cpuThreads: 4, type: { concurrency: 4 } });
  const outcomes = await Promise.all([1, 2, 3, 4].map(() => env.run('sleep', { ms: 300 })));
  assert.equal(new Set(outcomes.map(({ result }) => threadOf(result))).size, 4);
});

test('no more attempts compute at once than there are threads', async () => {
  await using env = await createCpuEnv({ cpuThreads: 2, type: { concurrency: 8 } });
  const outcomes = await Promise.all([1, 2, 3, 4, 5, 6].map(() => env.run('sleep', { ms: 20 })));
  assert.ok(new Set(outcomes.map(({ result }) => threadOf(result))).size <= 2);
});

test('time spent waiting for a thread does not count against the deadline', async () => {
  await using env = await createCpuEnv({ type: { concurrency: 4, retries: { maxAttempts: 1 } } });
  // Together longer than the deadline, which leaves a busy machine 1.8 s to start the thread.
  const outcomes = await Promise.all([1, 2, 3].map(() => env.run('sleep', { ms: 1_200 }, 3_000)));
  assert.deepEqual(new Set(outcomes.map(({ status }) => status)), new Set(['SUCCESS']));
});

test('a module without a handler fails for good and says so', async () => {
  await using env = await createCpuEnv({ type: { handler: new URL('./cpu-env.ts', import.meta.url) } });
  const { error } = await env.run('echo');
  assert.match(error?.message ?? '', /exports no function named handler/);
});

test('stopping ends a thread that goes on computing', async () => {
  const env = await createCpuEnv({ shutdownMs: 50 });
  const { taskId } = await env.commands.submit({ taskType: 'cpu', payload: { do: 'spin' } });
  await eventually(async () => assert.equal((await env.commands.get(taskId)).status, 'RUNNING'));
  await env[Symbol.asyncDispose]();
});

test('without commands no thread is made, and unsound sizes are refused', async () => {
  const pool = createCpuPool({ clock: systemClock, logger: silentLogger, threads: 3 });
  assert.deepEqual(pool.stats(), { threads: 0, active: 0, activeMax: 3, queued: 0, completed: 0, killed: 0 });
  await pool.stop();
  assert.throws(() => createCpuPool({ clock: systemClock, logger: silentLogger, threads: 0 }), RangeError);
  assert.throws(() => createCpuPool({ clock: systemClock, logger: silentLogger, threadMemoryMib: 1 }), RangeError);
});

function threadOf(result: unknown): number {
  return (result as { threadId: number }).threadId;
}
