import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { defineCommand, RetryAfter } from '@millrace/kit';
import { createTestCommands } from '../src/index.ts';

const MINUTE = 60_000;
const DAY = 24 * 3_600_000;

test('drain runs everything that was submitted', async () => {
  await using env = await createTestCommands({
    definitions: [defineCommand({ type: 'double', handler: ({ payload }) => Number(payload) * 2 })],
  });
  const { taskId } = await env.submit({ taskType: 'double', payload: 21 });
  await env.drain();
  assert.equal((await env.outcome(taskId))?.result, 42);
});

test('retries ten minutes apart have ended when drain has', async () => {
  let attempts = 0;
  await using env = await createTestCommands({
    definitions: [
      defineCommand({
        type: 'flaky',
        retries: { maxAttempts: 5, initialDelayMs: 10 * MINUTE, maxDelayMs: 10 * MINUTE },
        handler: () => {
          attempts += 1;
          if (attempts < 5) throw new RetryAfter(10 * MINUTE);
          return 'done';
        },
      }),
    ],
  });
  const before = env.clock.now();
  const { taskId } = await env.submit({ taskType: 'flaky' });
  await env.drain();
  assert.equal((await env.outcome(taskId))?.result, 'done');
  assert.equal(env.clock.now() - before, 40 * MINUTE);
});

test('delayed commands run at their own time, those beyond the bound are left alone', async () => {
  const ranAt: number[] = [];
  await using env = await createTestCommands({
    definitions: [defineCommand({ type: 'late', handler: () => void ranAt.push(env.clock.now()) })],
  });
  const begun = env.clock.now();
  await env.submit({ taskType: 'late', delay: 3 * DAY });
  const { taskId } = await env.submit({ taskType: 'late', delay: 31 * DAY });
  await env.drain();
  assert.deepEqual(ranAt, [begun + 3 * DAY]);
  assert.equal((await env.commands.get(taskId)).status, 'SCHEDULED');
  await env.drain({ withinMs: 40 * DAY });
  assert.equal((await env.commands.get(taskId)).status, 'SUCCESS');
});

test('a parent that waits for a delayed child is one attempt', async () => {
  await using env = await createTestCommands({
    definitions: [
      defineCommand({
        type: 'parent',
        handler: async (_command, context) => {
          const child = await context.submit({ taskType: 'child', delay: DAY });
          const [ended] = await context.waitFor([child]);
          return { child: ended?.result, attempt: context.attempt };
        },
      }),
      defineCommand({ type: 'child', handler: () => 'grown up' }),
    ],
  });
  const { taskId } = await env.submit({ taskType: 'parent' });
  await env.drain();
  assert.deepEqual((await env.outcome(taskId))?.result, { child: 'grown up', attempt: 1 });
});

test('time stands still while a handler runs', async () => {
  await using env = await createTestCommands({
    definitions: [
      defineCommand({
        type: 'slow',
        timeoutMs: 1_000,
        handler: async () => {
          const before = env.clock.now();
          await delay(20);
          return env.clock.now() - before;
        },
      }),
      defineCommand({ type: 'late', handler: () => 'late' }),
    ],
  });
  const late = await env.submit({ taskType: 'late', delay: MINUTE });
  const slow = await env.submit({ taskType: 'slow' });
  await env.drain();
  assert.equal((await env.outcome(slow.taskId))?.result, 0);
  assert.equal((await env.outcome(late.taskId))?.result, 'late');
});

test('commands held up by a rate run when their window opens', async () => {
  await using env = await createTestCommands({
    definitions: [
      defineCommand({ type: 'limited', rate: { limit: 1, perMs: MINUTE }, handler: () => env.clock.now() }),
    ],
  });
  const items = await env.commands.submitMany([1, 2, 3].map((payload) => ({ taskType: 'limited', payload })));
  const begun = env.clock.now();
  await env.drain();
  const outcomes = await Promise.all(items.map((item) => env.outcome('taskId' in item ? (item.taskId ?? '') : '')));
  const after = outcomes.map((ended) => Number(ended?.result) - begun).sort((a, b) => a - b);
  assert.deepEqual(after, [0, MINUTE, 2 * MINUTE]);
});

test('commands of a paused type are not waited for', async () => {
  await using env = await createTestCommands({ definitions: [defineCommand({ type: 'idle', handler: () => 1 })] });
  await env.commands.pauseType('idle');
  const { taskId } = await env.submit({ taskType: 'idle' });
  await env.drain();
  assert.equal((await env.commands.get(taskId)).status, 'QUEUED');
});

test('drain ends when its signal aborts', async () => {
  await using env = await createTestCommands({
    definitions: [
      defineCommand({
        type: 'endless',
        handler: (_command, { signal }) =>
          new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      }),
    ],
  });
  await env.submit({ taskType: 'endless' });
  await assert.rejects(env.drain({ signal: AbortSignal.timeout(20) }), { name: 'TimeoutError' });
});

test('stopping does not wait in virtual time for a handler that goes on', async () => {
  const env = await createTestCommands({
    definitions: [defineCommand({ type: 'endless', handler: () => new Promise(() => {}) })],
  });
  await env.submit({ taskType: 'endless' });
  await env[Symbol.asyncDispose]();
});

test('leases of the usual length hold through jumps of the clock', async () => {
  await using env = await createTestCommands({
    leaseMs: 8_000,
    heartbeatMs: 2_000,
    definitions: [defineCommand({ type: 'late', handler: (_command, { attempt }) => attempt })],
  });
  const { taskId } = await env.submit({ taskType: 'late', delay: DAY });
  await env.drain();
  assert.equal((await env.outcome(taskId))?.result, 1);
});
