import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryStore } from '@millrace/engines/store';
import { type CommandContext, type CommandDefinition, defineCommand, VirtualClock } from '@millrace/kit';
import { type Commands, createCommands } from '../src/index.ts';
import { commandsSchema } from '../src/schema.ts';

interface Env extends AsyncDisposable {
  readonly room: Commands;
  readonly clock: VirtualClock;
  /** Handlers that have begun, oldest first. */
  readonly begun: { taskId: string; context: CommandContext; finish: () => void }[];
  /** Everything that was set off runs to its end. */
  settle(): Promise<void>;
}

/** A room whose handlers end when the test says so and ignore their signal. */
async function createEnv(definition: Partial<CommandDefinition> = {}): Promise<Env> {
  const clock = new VirtualClock();
  const store = createMemoryStore({ schemas: [commandsSchema] });
  await store.start();
  const begun: Env['begun'] = [];
  const work = defineCommand({
    ...{ type: 'work', concurrency: 2, ...definition },
    handler: (command, context) => {
      const { promise, resolve } = Promise.withResolvers<string>();
      begun.push({ taskId: command.taskId, context, finish: () => resolve('done') });
      return promise;
    },
  } as CommandDefinition);
  const room = createCommands({ store, clock, definitions: [work as CommandDefinition], retention: false });
  await room.start();
  const settle = async () => {
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    ...{ room, clock, begun, settle },
    [Symbol.asyncDispose]: async () => {
      for (const { finish } of begun) finish();
      await room.stop();
      await store.stop();
    },
  };
}

test('a command that is retried while its cancelled attempt lingers loses no slot', async () => {
  await using env = await createEnv();
  const { room, clock, begun, settle } = env;
  await room.submit({ taskId: 'a', taskType: 'work' });
  await settle();
  await room.cancel('a');
  await room.retry('a');
  await settle();
  assert.deepEqual(
    begun.map(({ taskId }) => taskId),
    ['a', 'a'],
  );
  assert.equal(begun[0]?.context.signal.aborted, true);
  assert.equal(begun[1]?.context.signal.aborted, false);
  clock.advance(2_000);
  begun[1]?.finish();
  await settle();
  await room.submitMany(['b', 'c', 'd'].map((taskId) => ({ taskId, taskType: 'work' })));
  await settle();
  assert.deepEqual(
    begun.slice(2).map(({ taskId }) => taskId),
    ['b', 'c'],
    'both slots are free again, and no third',
  );
});

test('a handler that ends while it still waits for a child frees its slot once', async () => {
  await using env = await createEnv({ concurrency: 1 });
  const { room, begun, settle } = env;
  await room.submit({ taskId: 'parent', taskType: 'work' });
  await settle();
  const parent = begun[0]!;
  const child = await parent.context.submit({ taskId: 'child', taskType: 'work' });
  const waiting = parent.context.waitFor([child]).catch(() => {});
  await settle();
  assert.equal(begun[1]?.taskId, 'child', 'the child has the slot');
  parent.finish();
  await settle();
  await room.submitMany(['b', 'c'].map((taskId) => ({ taskId, taskType: 'work' })));
  await settle();
  assert.equal(begun.length, 2, 'the child still has the only slot');
  begun[1]?.finish();
  await settle();
  await waiting;
  assert.deepEqual(
    begun.slice(2).map(({ taskId }) => taskId),
    ['b'],
  );
});

test('a delayed command begins soon after the wall clock was set past its time', async () => {
  await using env = await createEnv();
  const { room, clock, begun, settle } = env;
  await room.submit({ taskId: 'later', taskType: 'work', delay: 3_600_000 });
  await settle();
  clock.jump(3_600_000);
  clock.advance(5_000);
  await settle();
  assert.equal(begun[0]?.taskId, 'later');
});
