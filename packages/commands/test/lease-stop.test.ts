import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryStore, STORE_ERRORS, type Store } from '@millrace/engines/store';
import { type CommandDefinition, defineCommand, errorFactory, silentLogger, systemClock } from '@millrace/kit';
import { createCommands } from '../src/index.ts';
import { commandsSchema } from '../src/schema.ts';
import { departTrain } from '../src/sql/depart-train.ts';

const storeError = errorFactory(STORE_ERRORS);

/** A clock that runs a thousand times as fast, for limits of seconds. */
const fastClock = { ...systemClock, schedule: (ms: number, act: () => void) => systemClock.schedule(ms / 1_000, act) };

test('stop comes to an end although the store takes nothing more, and the next start takes over what was left', async () => {
  const base = createMemoryStore({ schemas: [commandsSchema] });
  await base.start();
  let isBroken = false;
  const store: Store = new Proxy(base, {
    get(target, name) {
      const write: Store['write'] = (procedure, args) =>
        isBroken && procedure.name === departTrain.name
          ? Promise.reject(storeError('STORE_UNAVAILABLE', { details: { reason: 'broken' } }))
          : target.write(procedure, args);
      const value: unknown = name === 'write' ? write : Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const { promise: finished, resolve: finish } = Promise.withResolvers<string>();
  const { promise: began, resolve: begin } = Promise.withResolvers<void>();
  const definition = defineCommand({
    type: 'work',
    handler: (_command, { attempt }) => {
      begin();
      return attempt === 1 ? finished : 'second';
    },
  }) as CommandDefinition;
  const options = { store, definitions: [definition], retention: false, logger: silentLogger } as const;
  const first = createCommands({ ...options, clock: fastClock });
  await first.start();
  await first.submit({ taskId: 'a', taskType: 'work' });
  await began;
  isBroken = true;
  finish('first');
  await first.stop();
  isBroken = false;
  await using second = createCommands(options);
  await second.start();
  const outcome = await second.waitForOutcome('a', { waitMs: 5_000 });
  assert.equal(outcome?.status, 'SUCCESS');
  assert.equal(outcome?.result, 'second');
});
