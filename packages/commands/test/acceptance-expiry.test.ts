import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryStore } from '@millrace/engines/store';
import { defineCommand, type SubmitInput, VirtualClock } from '@millrace/kit';
import { eventually } from '@millrace/testkit';
import { commandsSchema, createCommands, createTestCommands, type TestCommands, testDefaults } from '../src/index.ts';

const EXPIRES_IN_MS = 60_000;

/** A type that runs one at a time and never ends by itself, one that fails and waits long, one that is paused. */
const definitions = [
  defineCommand({
    type: 'SLOW',
    concurrency: 1,
    timeoutMs: 3_600_000,
    handler: (_, { signal }) => new Promise((_resolve, reject) => signal.addEventListener('abort', reject)),
  }),
  defineCommand({
    type: 'FAILING',
    retries: { maxAttempts: 5, initialDelayMs: 3_600_000, maxDelayMs: 3_600_000 },
    handler: () => {
      throw new Error('not yet');
    },
  }),
  defineCommand({ type: 'PAUSED', handler: () => 'ran' }),
];

async function endsAtTheInstant(env: TestCommands, taskId: string): Promise<void> {
  const { commands, clock } = env;
  const { expiresAt } = await commands.get(taskId);
  const waiting = commands.waitForOutcome(taskId, { waitMs: 10 * EXPIRES_IN_MS });
  clock.advance(Date.parse(expiresAt as string) - clock.now() - 1);
  await new Promise((resolve) => setImmediate(resolve));
  assert.notEqual((await commands.get(taskId)).status, 'EXPIRED');
  clock.advance(1);
  assert.equal((await waiting)?.status, 'EXPIRED', 'whoever waits is told');
  const view = await commands.get(taskId);
  assert.deepEqual([view.status, view.finishedAt], ['EXPIRED', expiresAt]);
}

function expiring(env: TestCommands, input: Partial<SubmitInput>): SubmitInput {
  return { taskType: 'SLOW', expiresAt: new Date(env.clock.now() + EXPIRES_IN_MS).toISOString(), ...input };
}

test('a command of a paused type expires at the instant, and everybody hears of it', async () => {
  await using env = await createTestCommands({ definitions });
  const { commands, clock } = env;
  const events = commands.watch('p1')[Symbol.asyncIterator]();
  await commands.pauseType('PAUSED');
  await env.submit(expiring(env, { taskId: 'p1', taskType: 'PAUSED' }));
  assert.equal((await events.next()).value.type, 'command.queued');
  assert.equal(commands.snapshot().depth, 1);
  await endsAtTheInstant(env, 'p1');
  assert.equal((await events.next()).value.type, 'command.expired');
  assert.equal(commands.snapshot().depth, 0);
  const [stats] = await commands.stats(new Date(clock.now() - 3_600_000));
  assert.deepEqual(stats?.statuses, { EXPIRED: 1 });
});

test('commands behind full lanes expire at the instant, whether they were leased ahead or not', async () => {
  await using env = await createTestCommands({ definitions });
  const ids = Array.from({ length: 5 }, (_, index) => `q${index}`);
  await env.submit({ taskId: 'first', taskType: 'SLOW' });
  for (const taskId of ids) await env.submit(expiring(env, { taskId }));
  await endsAtTheInstant(env, 'q0');
  for (const taskId of ids) {
    assert.equal((await env.commands.waitForOutcome(taskId, { waitMs: 1_000 }))?.status, 'EXPIRED', taskId);
    assert.equal((await env.commands.get(taskId)).attempts, 0, 'no handler was started');
  }
  assert.equal((await env.commands.get('first')).status, 'RUNNING');
  assert.equal(env.commands.snapshot().depth, 0);
});

test('a scheduled command whose time would come too late expires before it', async () => {
  await using env = await createTestCommands({ definitions });
  await env.submit(expiring(env, { taskId: 's1', taskType: 'PAUSED', delay: 2 * EXPIRES_IN_MS }));
  assert.equal(env.commands.snapshot().scheduled, 1);
  await endsAtTheInstant(env, 's1');
  assert.equal(env.commands.snapshot().scheduled, 0);
});

test('a command that waits for its next attempt expires before it', async () => {
  await using env = await createTestCommands({ definitions, random: () => 0.9 });
  await env.submit(expiring(env, { taskId: 'r1', taskType: 'FAILING' }));
  await eventually(async () => assert.equal((await env.commands.get('r1')).status, 'RETRYING'));
  await endsAtTheInstant(env, 'r1');
  const { history } = await env.commands.get('r1');
  assert.deepEqual(
    history.map(({ outcome }) => outcome),
    ['failed', 'expired'],
  );
});

test('expiry is remembered across a restart, and more than one sweep carries is swept', async () => {
  const clock = new VirtualClock();
  const store = createMemoryStore({ schemas: [commandsSchema] });
  await store.start();
  const open = async () => {
    const commands = createCommands({ ...testDefaults, store, clock, definitions });
    await commands.start();
    return commands;
  };
  const first = await open();
  await first.pauseType('PAUSED');
  const expiresAt = new Date(clock.now() + EXPIRES_IN_MS).toISOString();
  const many = Array.from({ length: 5_000 }, (_, index) => ({ taskId: `m${index}`, taskType: 'PAUSED', expiresAt }));
  await first.submitMany(many);
  await first.stop();
  const second = await open();
  clock.advance(EXPIRES_IN_MS);
  await eventually(() => assert.equal(second.snapshot().depth, 0));
  const [stats] = await second.stats(new Date(0));
  assert.deepEqual(stats?.statuses, { EXPIRED: 5_000 });
  await second.stop();
  await store.stop();
});

test('draining does not wait for expiry', async () => {
  await using env = await createTestCommands({ definitions });
  const before = env.clock.now();
  await env.commands.pauseType('PAUSED');
  await env.submit(expiring(env, { taskId: 'p1', taskType: 'PAUSED' }));
  await env.drain();
  assert.equal(env.clock.now(), before);
  assert.equal((await env.commands.get('p1')).status, 'QUEUED');
});
