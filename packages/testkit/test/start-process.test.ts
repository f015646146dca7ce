import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, freePort, startProcess } from '../src/index.ts';

const node = (script: string) => ({ command: process.execPath, args: ['-e', script] });

const SERVER = `require('node:http').createServer((_, answer) => answer.end('ok'))
  .listen(Number(process.env.PORT), '127.0.0.1', () => console.log('listening'));`;

test('a process is ready when its output matches and ends with exit code 0 on SIGTERM', async () => {
  await using running = await startProcess({
    ...node("process.once('SIGTERM', () => process.exit(0)); console.log('up at 7'); setInterval(() => {}, 1e6);"),
    readyWhen: /up at \d/,
  });
  assert.match(running.output(), /up at 7/);
  assert.deepEqual(await running.stop(), { code: 0, signal: null });
});

test('a process is ready when its URL answers', async () => {
  const port = await freePort();
  await using running = await startProcess({
    ...node(SERVER),
    env: { PORT: String(port) },
    readyWhen: new URL(`http://127.0.0.1:${port}/`),
  });
  assert.deepEqual(await running.kill9(), { code: null, signal: 'SIGKILL' });
});

test('a process that ends before it is ready is reported with its output', async () => {
  await assert.rejects(
    startProcess({ ...node("console.error('no such file'); process.exit(3);"), readyWhen: /never/ }),
    (error: Error) => /no such file/.test(error.message) && /exit code 3/.test(String((error.cause as Error).message)),
  );
});

test('a command that does not exist is named', async () => {
  await assert.rejects(startProcess({ command: 'no-such-program-anywhere' }), /Cannot start no-such-program-anywhere/);
});

test('stop kills a process that ignores SIGTERM and fails the test', async () => {
  await using running = await startProcess({
    ...node("process.on('SIGTERM', () => {}); console.log('up'); setInterval(() => {}, 1e6);"),
    readyWhen: /up/,
  });
  await assert.rejects(running.stop(200), /did not stop cleanly/);
  assert.deepEqual(await running.exited, { code: null, signal: 'SIGKILL' });
});

test('stop fails the test when children are left behind, and kills them', async () => {
  await using running = await startProcess({
    ...node(`const child = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'],
      { stdio: 'inherit' });
      process.once('SIGTERM', () => process.exit(0)); console.log('child ' + child.pid);`),
    readyWhen: /child \d+/,
  });
  const childPid = Number((await running.waitFor(/child (\d+)/))[1]);
  await assert.rejects(running.stop(), (error: Error) => /left child processes/.test((error.cause as Error).message));
  await eventually(() => assert.throws(() => process.kill(childPid, 0)));
});

test('disposing kills what is left', async () => {
  let pid = 0;
  {
    await using running = await startProcess({ ...node('setInterval(() => {}, 1e6)') });
    pid = running.pid;
  }
  assert.throws(() => process.kill(pid, 0));
});

test('what steers the test run does not reach the process', async () => {
  process.env.MILLRACE_REQUIRE = 'nothing';
  try {
    const print = 'console.log(JSON.stringify(process.env)); setInterval(() => {}, 1e6);';
    await using running = await startProcess({ ...node(print), env: { GIVEN: 'yes' }, readyWhen: /}/ });
    const seen = JSON.parse(running.output()) as Record<string, string>;
    assert.equal(seen.GIVEN, 'yes');
    assert.deepEqual([seen.MILLRACE_REQUIRE, seen.NODE_TEST_CONTEXT], [undefined, undefined]);
  } finally {
    delete process.env.MILLRACE_REQUIRE;
  }
});
