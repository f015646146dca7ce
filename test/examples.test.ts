import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startProcess, tempDir } from '@millrace/testkit';
import { createMillrace } from 'millrace';
import * as handlers from '../examples/handlers/commands.ts';

/** The examples, run as their readers run them. */
const EXAMPLES = new URL('../examples/', import.meta.url);
const WAIT_MS = 30_000;

async function run(...args: readonly string[]): Promise<string> {
  await using program = await startProcess({ command: process.execPath, args });
  const { code } = await program.exited;
  assert.equal(code, 0, program.output());
  return program.output();
}

test('the embedded example prints its results and ends, and a second run replays', async () => {
  await using dir = await tempDir();
  const main = fileURLToPath(new URL('embedded/main.ts', EXAMPLES));
  assert.match(await run(main, dir.path), /Hello, Ada![\s\S]*replay: true[\s\S]*Hello, Grace!/);
  assert.match(await run(main, dir.path), /replay: true[\s\S]*Hello, Grace!/);
});

test('the testing example passes', async () => {
  await run('--test', fileURLToPath(new URL('testing/reminder.test.ts', EXAMPLES)));
});

test('the handlers example: steps, providers that limit their callers, children, threads', async (t) => {
  await using dir = await tempDir();
  const definitions = Object.values(handlers);
  await using millrace = createMillrace({ dataDir: dir.path, http: false, assistant: false, commands: definitions });
  await millrace.start();
  const outcomeOf = async (taskType: string, payload: unknown) => {
    const { taskId } = await millrace.submit({ taskType, payload });
    return millrace.result(taskId, { waitMs: WAIT_MS });
  };

  await t.test('a charge has a receipt', async () => {
    const outcome = await outcomeOf('order.charge', { customer: 'ada', cents: 1200 });
    assert.partialDeepStrictEqual(outcome?.result, { cents: 1_200 });
  });

  await t.test('a busy provider is asked again, with the defaults of the schema', async () => {
    const outcome = await outcomeOf('address.look-up', { text: ' Bahnhofstrasse 1 ' });
    assert.deepEqual(outcome?.result, { address: 'Bahnhofstrasse 1, CH' });
  });

  await t.test('what will never work is not tried again', async () => {
    const outcome = await outcomeOf('address.look-up', { text: 'nowhere 7' });
    assert.equal(outcome?.status, 'FAILURE');
  });

  await t.test('primes are counted by children in threads', async () => {
    const outcome = await outcomeOf('primes.count', { below: 100_000 });
    assert.deepEqual(outcome?.result, { primes: 9_592 });
  });
});
