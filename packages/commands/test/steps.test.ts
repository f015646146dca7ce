import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type CommandContext, defineCommand } from '@millrace/kit';
import { startProcess, tempDir } from '@millrace/testkit';
import { createTestCommands } from '../src/index.ts';

async function runs(handler: (context: CommandContext) => unknown) {
  const env = await createTestCommands({
    definitions: [
      defineCommand({
        type: 'work',
        retries: { maxAttempts: 3 },
        handler: (_command, context) => handler(context),
      }),
    ],
  });
  const { taskId } = await env.submit({ taskType: 'work', taskId: 'work-1' });
  await env.drain();
  return { env, taskId, outcome: await env.outcome(taskId), [Symbol.asyncDispose]: () => env[Symbol.asyncDispose]() };
}

test('a step whose result was committed is not run again by a retry', async () => {
  let charges = 0;
  await using done = await runs(async (context) => {
    const charge = await context.step('charge', () => {
      charges += 1;
      return { number: charges };
    });
    if (context.attempt < 3) throw new Error('after the step');
    return charge;
  });
  assert.equal(charges, 1);
  assert.deepEqual(done.outcome?.result, { number: 1 });
});

test('a step that fails is run again, with the same idempotency key', async () => {
  const keys: string[] = [];
  await using done = await runs((context) =>
    context.step('charge', ({ idempotencyKey }) => {
      keys.push(idempotencyKey);
      if (keys.length < 3) throw new Error('no answer');
      return 'charged';
    }),
  );
  assert.equal(done.outcome?.result, 'charged');
  assert.deepEqual(keys, ['work-1:charge', 'work-1:charge', 'work-1:charge']);
});

test('steps of different names have keys of their own', async () => {
  await using done = await runs(async (context) => [
    await context.step('a', ({ idempotencyKey }) => idempotencyKey),
    await context.step('b', ({ idempotencyKey }) => idempotencyKey),
  ]);
  assert.deepEqual(done.outcome?.result, ['work-1:a', 'work-1:b']);
});

test('a step that is asked for twice at once is run once', async () => {
  let times = 0;
  await using done = await runs((context) => {
    const once = () =>
      context.step('once', async () => {
        await delay(1);
        times += 1;
        return times;
      });
    return Promise.all([once(), once()]);
  });
  assert.deepEqual(done.outcome?.result, [1, 1]);
});

test('a step gives the same result on its first run as later: what JSON makes of it', async () => {
  await using done = await runs(async (context) => {
    const at = await context.step('when', () => new Date(0) as unknown);
    return typeof at;
  });
  assert.equal(done.outcome?.result, 'string');
});

test('a step without a result gives null, and is still not run again', async () => {
  let times = 0;
  await using done = await runs(async (context) => {
    const nothing = await context.step('nothing', () => {
      times += 1;
    });
    if (context.attempt === 1) throw new Error('once more');
    return { nothing };
  });
  assert.deepEqual(done.outcome?.result, { nothing: null });
  assert.equal(times, 1);
});

test('a name without characters or with too many ends the command for good', async () => {
  for (const name of ['', 'x'.repeat(201)]) {
    await using done = await runs((context) => context.step(name, () => 1));
    assert.match(done.outcome?.error?.message ?? '', /A step's name/);
  }
});

test('a step of a command that was cancelled meanwhile is not kept', async () => {
  const thrown: unknown[] = [];
  await using env = await createTestCommands({
    definitions: [
      defineCommand({
        type: 'work',
        async handler({ taskId }, context) {
          await env.commands.cancel(taskId);
          await context.step('late', () => 1).catch((error: unknown) => thrown.push(error));
        },
      }),
    ],
  });
  const { taskId } = await env.submit({ taskType: 'work' });
  await env.drain();
  assert.equal((await env.outcome(taskId))?.status, 'CANCELLED');
  assert.deepEqual(
    thrown.map((error) => (error as Error).name),
    ['AbortError'],
  );
});

async function orderTwice(dieFirst: string) {
  await using dir = await tempDir();
  const provider = dir.join('provider.log');
  const order = (die: string) =>
    startProcess({
      command: process.execPath,
      args: [fileURLToPath(new URL('./step-process.ts', import.meta.url)), dir.path, provider, die],
    });
  await using first = await order(dieFirst);
  assert.equal((await first.exited).signal, 'SIGKILL');
  await using second = await order('never');
  assert.equal((await second.exited).code, 0, second.output());
  const outcome = JSON.parse(second.output()) as { status: string; result: unknown };
  return { outcome, keys: readFileSync(provider, 'utf8').trim().split('\n') };
}

test('a crash between the answer of the provider and our commit repeats the call with the same key', async () => {
  const { outcome, keys } = await orderTwice('before-commit');
  assert.deepEqual(keys, ['order-1:charge', 'order-1:charge']);
  assert.partialDeepStrictEqual(outcome, { status: 'SUCCESS', result: { receipt: 'order-1:charge' } });
});

test('a crash after the commit of the step does not repeat the call', async () => {
  const { outcome, keys } = await orderTwice('after-commit');
  assert.deepEqual(keys, ['order-1:charge']);
  assert.partialDeepStrictEqual(outcome, { status: 'SUCCESS', result: { receipt: 'order-1:charge' } });
});
