import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, tempDir } from '@millrace/testkit';
import { startProgram, startServer } from './acceptance-env.ts';
import { answer, startWireServer } from './wire-server.ts';

const DEATHS = 3;

test('a command that kills its process three times is dead-lettered as poison, and its webhook says so', async () => {
  await using directory = await tempDir('millrace-');
  await using hooks = await startWireServer((_, response) => answer(response, 200, {}));
  const env = { WEBHOOK_SECRET: 'a-secret-of-sixteen', WEBHOOK_ALLOWED_HOSTS: '127.0.0.1' };
  const dataDir = directory.join('data');
  {
    await using server = await startServer({ dataDir, env });
    const callbackUrl = `${hooks.url}/hook`;
    // The process may die before its answer is out.
    await server.send('POST', '/commands', { taskId: 'poison', taskType: 'KILL', callbackUrl }).catch(() => {});
    assert.equal((await server.process.exited).signal, 'SIGKILL');
  }
  for (let death = 2; death <= DEATHS; death += 1) {
    // It takes the command over and dies of it, maybe before it serves anybody.
    await using program = await startProgram({ dataDir, env });
    assert.equal((await program.exited).signal, 'SIGKILL', `death ${death}`);
  }
  await using server = await startServer({ dataDir, env });
  const view = (await server.send('GET', '/commands/poison?wait=10')).body;
  assert.deepEqual([view.status, view.deadLettered, view.attempts], ['FAILURE', true, DEATHS]);
  assert.match(view.error.message, /poison|process/i);
  assert.deepEqual(
    view.history.map((attempt: { outcome: string }) => attempt.outcome),
    ['crashed', 'crashed', 'failed'],
  );
  await eventually(() => assert.equal(hooks.requests.length, 1), { withinMs: 15_000 });
  const told = JSON.parse(hooks.requests[0]?.body as string);
  assert.deepEqual([told.taskId, told.status], ['poison', 'FAILURE']);
  const healthy = await server.send('POST', '/command/process', { taskId: 'after', taskType: 'ECHO', payload: 1 });
  assert.equal(healthy.body.status, 'SUCCESS', 'the house goes on');
});

test('a provider that asks for patience pauses its key alone, burns no attempt, and is remembered', async () => {
  await using directory = await tempDir('millrace-');
  const dataDir = directory.join('data');
  const command = (taskId: string, concurrencyKey: string, pauseMs?: number) => ({
    ...{ taskId, concurrencyKey, taskType: 'BUSY' },
    payload: pauseMs === undefined ? {} : { pauseMs },
  });
  {
    await using server = await startServer({ dataDir });
    await server.send('POST', '/commands', command('first', 'tenant', 3_600_000));
    await eventually(async () => assert.equal((await server.send('GET', '/commands/first')).body.status, 'RETRYING'));
    const other = await server.send('POST', '/command/process', command('other', 'another'));
    assert.equal(other.body.status, 'SUCCESS');
    const same = await server.send('POST', '/command/process', command('same', 'tenant'), { prefer: 'wait=1' });
    assert.equal(same.status, 202, 'the lane of its key is paused');
    await server.process.stop();
  }
  await using server = await startServer({ dataDir });
  const held = await server.send('GET', '/commands/same?wait=1');
  assert.deepEqual([held.body.status, held.body.attempts], ['QUEUED', 0], 'still paused after a restart');
  const later = await server.send('POST', '/command/process', command('later', 'tenant'), { prefer: 'wait=1' });
  assert.equal(later.status, 202);
});

test('HTTP_TIMEOUT bounds how long a request waits, whatever the client prefers', async () => {
  await using directory = await tempDir('millrace-');
  await using server = await startServer({ dataDir: directory.join('data'), env: { HTTP_TIMEOUT: '300' } });
  const begun = performance.now();
  const plain = await server.send('POST', '/command/process', { taskId: 's-1', taskType: 'SLOW' });
  assert.equal(plain.status, 202);
  const preferring = { prefer: 'wait=20' };
  const preferred = await server.send('POST', '/command/process', { taskId: 's-2', taskType: 'SLOW' }, preferring);
  assert.deepEqual([preferred.status, preferred.headers.get('preference-applied')], [202, 'wait=0']);
  const read = await server.send('GET', '/commands/s-1?wait=20');
  assert.equal(read.body.status, 'RUNNING');
  assert.ok(performance.now() - begun < 10_000);
});

test('a step that was committed is not run again, over HTTP too', async () => {
  await using directory = await tempDir('millrace-');
  await using server = await startServer({ dataDir: directory.join('data') });
  const { body } = await server.send('POST', '/command/process', { taskId: 'st', taskType: 'STEPPING' });
  assert.deepEqual([body.status, body.result], ['SUCCESS', { count: 1 }]);
  assert.equal((await server.send('GET', '/commands/st?fields=attempts')).body.attempts, 2);
});
