import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tempDir } from '@millrace/testkit';
import { type Server, startServer } from './acceptance-env.ts';

async function outcomeOf(server: Server, taskType: string, more: object = {}) {
  const answer = await server.send('POST', '/command/process', { taskId: taskType.toLowerCase(), taskType, ...more });
  assert.equal(answer.status, 200, `${taskType}: ${answer.text}`);
  const view = (await server.send('GET', `/commands/${taskType.toLowerCase()}`)).body;
  assert.equal(view.status, answer.body.status);
  assert.deepEqual(view.result, answer.body.result);
  assert.deepEqual(view.error, answer.body.error);
  assert.ok(Number.isInteger(answer.body.processingTime));
  return view;
}

test('however a command ends, the answer is 200 and says how', async () => {
  await using directory = await tempDir('millrace-');
  await using server = await startServer({ dataDir: directory.join('data') });

  const half = await outcomeOf(server, 'HALF');
  assert.deepEqual([half.status, half.result, half.error.code], ['PARTIAL_SUCCESS', { sent: 1 }, 'PROCESSING_ERROR']);
  assert.equal(half.deadLettered, false);

  const silent = await outcomeOf(server, 'SILENT');
  assert.deepEqual([silent.status, silent.result], ['SUCCESS', null]);

  const big = await outcomeOf(server, 'BIG');
  assert.deepEqual(
    [big.status, big.error.code, big.attempts, big.deadLettered],
    ['FAILURE', 'RESOURCE_ERROR', 1, true],
  );

  const circular = await outcomeOf(server, 'CIRCULAR');
  assert.deepEqual([circular.status, circular.error.code], ['FAILURE', 'PROCESSING_ERROR']);

  const rude = await outcomeOf(server, 'RUDE');
  assert.deepEqual([rude.status, rude.attempts, rude.history.length, rude.deadLettered], ['FAILURE', 3, 3, true]);
  assert.match(rude.error.message, /just a text/);
  assert.equal(rude.error.retryable, false);

  const late = await outcomeOf(server, 'LATE', { metadata: { timeout: 1 } });
  assert.deepEqual([late.status, late.attempts, late.error.code], ['FAILURE', 2, 'TIMEOUT_ERROR']);
  assert.deepEqual(
    late.history.map(({ outcome }: { outcome: string }) => outcome),
    ['timeout', 'timeout'],
  );

  const dead = (await server.send('GET', '/commands/dead-letters?fields=taskId')).body.items;
  assert.deepEqual(dead.map(({ taskId }: { taskId: string }) => taskId).sort(), ['big', 'circular', 'late', 'rude']);
});

test('a command that expires while its caller waits is answered 200 with EXPIRED, at the instant', async () => {
  await using directory = await tempDir('millrace-');
  await using server = await startServer({ dataDir: directory.join('data') });
  await server.send('POST', '/commands/types/ECHO/pause');
  const expiresAt = new Date(Date.now() + 700).toISOString();
  const begun = performance.now();
  const answer = await server.send('POST', '/command/process', { taskId: 'x', taskType: 'ECHO', expiresAt });
  assert.deepEqual([answer.status, answer.body.status], [200, 'EXPIRED']);
  assert.ok(performance.now() - begun < 5_000);
  assert.match((await server.send('GET', '/commands/x/events')).text, /event: command\.expired/);
  assert.match((await server.send('GET', '/metrics')).text, /command_processing_total\{[^}]*status="expired"[^}]*\} 1/);
});
