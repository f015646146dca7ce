import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { stressStartStop, tempDir } from '@millrace/testkit';
import { createMillrace, defineCommand, type MillraceOptions } from 'millrace';
import { z } from 'zod';

const greet = defineCommand({
  type: 'GREET',
  payload: z.object({ name: z.string() }),
  result: z.object({ text: z.string() }),
  handler: ({ payload }) => ({ text: `hi ${payload.name}` }),
});
const embedded: MillraceOptions = { http: false, commands: [greet], assistant: false };

test('a program submits a command and reads its result without HTTP', async () => {
  await using directory = await tempDir('millrace-');
  await using millrace = createMillrace({ ...embedded, dataDir: directory.join('data') });
  await millrace.start();
  const task = await millrace.submit(greet, { name: 'Ada' });
  const outcome = await millrace.result(task);
  const text: string | undefined = outcome?.result?.text;
  assert.deepEqual([outcome?.status, text], ['SUCCESS', 'hi Ada']);
  assert.throws(() => millrace.url, { code: 'NOT_STARTED' });
});

test('results are still there after a restart, in a directory that only the owner can read', async () => {
  await using directory = await tempDir('millrace-');
  const dataDir = directory.join('data');
  const first = createMillrace({ ...embedded, dataDir });
  await first.start();
  const { taskId } = await first.submit({ taskType: 'GREET', payload: { name: 'Ada' } });
  await first.result(taskId);
  await first.stop();
  assert.equal(statSync(dataDir).mode & 0o777, 0o700);
  await using second = createMillrace({ ...embedded, dataDir });
  await second.start();
  assert.deepEqual((await second.result(taskId, { waitMs: 0 }))?.result, { text: 'hi Ada' });
});

test('two cannot share a data directory, and a stopped one frees it', async () => {
  await using directory = await tempDir('millrace-');
  const options = { ...embedded, dataDir: directory.join('data') };
  const first = createMillrace(options);
  await first.start();
  const second = createMillrace(options);
  await assert.rejects(second.start(), { code: 'STORE_LOCKED' });
  await second.stop();
  await first.stop();
  await using third = createMillrace(options);
  await third.start();
});

test('a memory store leaves nothing behind', async () => {
  await using directory = await tempDir('millrace-');
  const dataDir = directory.join('data');
  await using millrace = createMillrace({ ...embedded, store: 'memory', dataDir });
  await millrace.start();
  assert.equal(existsSync(dataDir), false);
});

test('starting and stopping any number of times does it once', async () => {
  await using directory = await tempDir('millrace-');
  const millrace = createMillrace({ ...embedded, dataDir: directory.join('data') });
  await Promise.all([millrace.start(), millrace.start()]);
  await Promise.all([millrace.stop(), millrace.stop()]);
  await millrace.stop();
});

test('it keeps the contract of a service under stress', async () => {
  await stressStartStop(() => createMillrace({ ...embedded, store: 'memory' }), { rounds: 3 });
  await using directory = await tempDir('millrace-');
  await stressStartStop(() => createMillrace({ ...embedded, dataDir: directory.join('data') }), { rounds: 2 });
});

test('only a virtual clock can be moved', async () => {
  await assert.rejects(createMillrace({ ...embedded, store: 'memory' }).advance(1), { code: 'CLOCK_NOT_VIRTUAL' });
  await using millrace = createMillrace({ ...embedded, test: true });
  await millrace.start();
  const { taskId } = await millrace.submit(greet, { name: 'Ada' });
  const later = await millrace.submit(greet, { name: 'Bob' }, { delay: 5_000 });
  await millrace.advance(1_000);
  assert.equal((await millrace.result(taskId, { waitMs: 0 }))?.status, 'SUCCESS');
  assert.equal(await millrace.result(later, { waitMs: 0 }), undefined);
  await millrace.advance(4_000);
  assert.equal((await millrace.result(later, { waitMs: 0 }))?.status, 'SUCCESS');
});

test('stopping before starting does nothing, and what was not started says so', async () => {
  const millrace = createMillrace({ ...embedded, store: 'memory' });
  assert.throws(() => millrace.commands, { code: 'NOT_STARTED', message: /await start\(\) first/ });
  await millrace.stop();
});

test('HTTP is served on the port that was free, and a start that fails frees everything', async () => {
  await using directory = await tempDir('millrace-');
  await using first = createMillrace({ commands: [greet], port: 0, dataDir: directory.join('a') });
  await first.start();
  assert.equal((await fetch(`${first.url}/health`)).status, 200);
  const port = Number(new URL(first.url).port);
  const taken = { commands: [greet], port, dataDir: directory.join('b') };
  await assert.rejects(createMillrace(taken).start(), { code: 'LISTEN_FAILED' });
  await using second = createMillrace({ ...taken, port: 0 });
  await second.start();
});

test('an open address without credentials is refused', async () => {
  const millrace = createMillrace({ ...embedded, http: {}, store: 'memory', host: '0.0.0.0', port: 0 });
  await assert.rejects(millrace.start(), { code: 'UNSAFE_BINDING' });
});
