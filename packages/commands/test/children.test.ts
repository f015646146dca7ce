import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CommandDefinition, defineCommand } from '@millrace/kit';
import Type from 'typebox';
import { createTestCommands } from '../src/index.ts';

const countdown = (limits: Partial<CommandDefinition>) =>
  defineCommand({
    type: 'countdown',
    payload: Type.Number(),
    ...(limits as object),
    async handler({ payload }, context): Promise<number> {
      if (payload === 0) return 0;
      const child = await context.submit({ taskType: 'countdown', payload: payload - 1 });
      const [ended] = await context.waitFor([child]);
      return Number(ended?.result) + 1;
    },
  });

for (const limits of [
  { concurrency: 1 },
  { concurrency: 4, perKey: { concurrency: 1 } },
  { concurrency: 2, localConcurrency: 1 },
]) {
  test(`a parent gives its slot to children of its own type: ${JSON.stringify(limits)}`, async () => {
    await using env = await createTestCommands({ definitions: [countdown(limits)] });
    const { taskId } = await env.submit({ taskType: 'countdown', payload: 5 });
    await env.drain();
    assert.equal((await env.outcome(taskId))?.result, 5);
  });
}

test('no more handlers run at once than allowed, while parents come back from waiting', async () => {
  let running = 0;
  let runningMax = 0;
  const turn = async () => {
    running += 1;
    runningMax = Math.max(runningMax, running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
  };
  await using env = await createTestCommands({
    definitions: [
      defineCommand({
        type: 'work',
        concurrency: 2,
        async handler({ payload }, context) {
          await turn();
          if (payload === 'child') return;
          const children = await Promise.all(
            [1, 2, 3].map(() => context.submit({ taskType: 'work', payload: 'child' })),
          );
          await context.waitFor(children);
          await turn();
        },
      }),
    ],
  });
  const parents = await Promise.all([1, 2, 3, 4].map(() => env.submit({ taskType: 'work', payload: 'parent' })));
  await env.drain();
  for (const { taskId } of parents) assert.equal((await env.outcome(taskId))?.status, 'SUCCESS');
  assert.equal(runningMax, 2);
  assert.deepEqual(env.commands.snapshot().types[0], { taskType: 'work', paused: false, depth: 0, running: 0 });
});

test('two waits at once give one slot away', async () => {
  await using env = await createTestCommands({
    definitions: [
      defineCommand({
        type: 'parent',
        concurrency: 1,
        async handler(_command, context) {
          const children = [1, 2].map((payload) => context.submit({ taskType: 'child', payload }));
          const [first, second] = await Promise.all(children.map(async (child) => context.waitFor([await child])));
          return [first?.[0]?.result, second?.[0]?.result];
        },
      }),
      defineCommand({ type: 'child', handler: ({ payload }) => payload }),
    ],
  });
  const parents = await Promise.all([1, 2, 3].map(() => env.submit({ taskType: 'parent' })));
  await env.drain();
  for (const { taskId } of parents) assert.deepEqual((await env.outcome(taskId))?.result, [1, 2]);
});

test('a later attempt finds the children of the earlier one', async () => {
  let children = 0;
  await using env = await createTestCommands({
    definitions: [
      defineCommand({
        type: 'parent',
        async handler(_command, context) {
          const child = await context.submit({ taskType: 'child' });
          const [ended] = await context.waitFor([child]);
          if (context.attempt === 1) throw new Error('once more');
          return { child: child.taskId, result: ended?.result };
        },
      }),
      defineCommand({
        type: 'child',
        handler: () => {
          children += 1;
          return children;
        },
      }),
    ],
  });
  const { taskId } = await env.submit({ taskType: 'parent', taskId: 'p' });
  await env.drain();
  assert.deepEqual((await env.outcome(taskId))?.result, { child: 'p-c1', result: 1 });
});

test('waitFor gives children that failed, it does not throw', async () => {
  await using env = await createTestCommands({
    definitions: [
      defineCommand({
        type: 'parent',
        async handler(_command, context) {
          const child = await context.submit({ taskType: 'child' });
          return (await context.waitFor([child]))[0]?.error?.message;
        },
      }),
      defineCommand({
        type: 'child',
        retries: { maxAttempts: 1 },
        handler: () => {
          throw new Error('broken');
        },
      }),
    ],
  });
  const { taskId } = await env.submit({ taskType: 'parent' });
  await env.drain();
  assert.equal((await env.outcome(taskId))?.result, 'broken');
});

test('time spent waiting for children does not count against the deadline', async () => {
  await using env = await createTestCommands({
    definitions: [
      defineCommand({
        type: 'parent',
        timeoutMs: 1_000,
        async handler(_command, context) {
          const before = context.deadline.getTime();
          await context.waitFor([await context.submit({ taskType: 'child', delay: 60_000 })]);
          return context.deadline.getTime() - before;
        },
      }),
      defineCommand({ type: 'child', handler: () => 1 }),
    ],
  });
  const { taskId } = await env.submit({ taskType: 'parent' });
  await env.drain();
  assert.equal((await env.outcome(taskId))?.result, 60_000);
});

test('a parent that is cancelled while it waits ends at once, and its slot is free', async () => {
  await using env = await createTestCommands({
    definitions: [
      defineCommand({
        type: 'parent',
        concurrency: 1,
        handler: async (_command, context) => context.waitFor([await context.submit({ taskType: 'child' })]),
      }),
      defineCommand({ type: 'child', handler: () => 1 }),
      defineCommand({ type: 'canceller', handler: () => env.commands.cancel('p').then(() => null) }),
    ],
  });
  await env.commands.pauseType('child');
  await env.submit({ taskType: 'parent', taskId: 'p' });
  await env.submit({ taskType: 'canceller' });
  await env.drain();
  assert.equal((await env.outcome('p'))?.status, 'CANCELLED');
  await env.commands.resumeType('child');
  const { taskId } = await env.submit({ taskType: 'parent' });
  await env.drain();
  assert.equal((await env.outcome(taskId))?.status, 'SUCCESS');
});

test('a handler may take its context apart', async () => {
  const takenApart = defineCommand({
    type: 'takenApart',
    async handler({ payload }, { submit, waitFor, step, progress, signal, log }) {
      if (payload === 'child') return 'done';
      progress(1);
      log.info('under way');
      const charge = await step('charge', ({ idempotencyKey }) => idempotencyKey);
      const [child] = await waitFor([await submit({ taskType: 'takenApart', payload: 'child' })]);
      return { charge, child: child?.result, aborted: signal.aborted };
    },
  });
  await using env = await createTestCommands({ definitions: [takenApart] });
  const { taskId } = await env.submit({ taskType: 'takenApart' });
  await env.drain();
  const expected = { charge: `${taskId}:charge`, child: 'done', aborted: false };
  assert.deepEqual((await env.outcome(taskId))?.result, expected);
});
