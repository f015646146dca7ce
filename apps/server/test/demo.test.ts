import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startProcess, tempDir } from '@millrace/testkit';
import type { DemoReport } from '../src/demo/run-demo.ts';
import { runMillrace } from './run-millrace.ts';

const BIN = fileURLToPath(new URL('../src/bin.ts', import.meta.url));
/** Two in a hundred count primes in ranges of 50,000: the primes below 100,000. */
const COMMANDS = 200;
const PRIMES_BELOW_100_000 = 9_592;

test('the demo runs commands of every kind, accounts for each of them and leaves nothing behind', async () => {
  await using directory = await tempDir('millrace-');
  const args = ['demo', '--commands', String(COMMANDS), '--exit', '--json'];
  const { code, stdout, stderr } = await runMillrace(args, { env: { TMPDIR: directory.path } });
  assert.equal(code, 0, stderr);
  const report = JSON.parse(stdout) as DemoReport & { readonly differences: readonly string[] };
  assert.deepEqual(report.differences, []);
  assert.deepEqual([report.submitted, report.accepted, report.missing], [COMMANDS, COMMANDS, []]);
  assert.deepEqual([report.deadLetters, report.all.retries], [2, 16]);
  assert.equal(report.primes, PRIMES_BELOW_100_000);
  const { provider } = report.example.result as { readonly provider: string };
  assert.equal(provider, 'offline');
  assert.deepEqual(readdirSync(directory.path), [], 'the temporary data is gone');
});

test('without --exit the demo goes on serving, and Ctrl-C ends it with 0 and removes its data', async () => {
  await using directory = await tempDir('millrace-');
  await using demo = await startProcess({
    command: process.execPath,
    args: [BIN, 'demo', '--commands', '100'],
    cwd: directory.path,
    env: { TMPDIR: directory.path },
    readyWhen: /Look around: (http:[^ ]+)/,
  });
  const [, url] = await demo.waitFor(/Look around: (http:[^ ]+)/);
  assert.equal((await fetch(`${url}docs`)).status, 200);
  process.kill(demo.pid, 'SIGINT');
  assert.deepEqual(await demo.exited, { code: 0, signal: null });
  assert.deepEqual(readdirSync(directory.path), []);
});

test('Ctrl-C in the middle of the demo ends it with 0 and removes its data', async () => {
  await using directory = await tempDir('millrace-');
  await using demo = await startProcess({
    command: process.execPath,
    args: [BIN, 'demo'],
    cwd: directory.path,
    env: { TMPDIR: directory.path },
    readyWhen: /Millrace runs on/,
  });
  process.kill(demo.pid, 'SIGINT');
  assert.deepEqual(await demo.exited, { code: 0, signal: null });
  assert.doesNotMatch(demo.output(), /rror/);
  assert.deepEqual(readdirSync(directory.path), []);
});

test('a port in use is said so, with what to do', async () => {
  const holder = createServer();
  const { promise, resolve } = Promise.withResolvers<void>();
  holder.listen(0, '127.0.0.1', resolve);
  await promise;
  const { port } = holder.address() as { readonly port: number };
  await using directory = await tempDir('millrace-');
  const run = await runMillrace(['demo', '--port', String(port)], { env: { TMPDIR: directory.path } });
  holder.close();
  assert.equal(run.code, 1);
  assert.match(run.stderr, new RegExp(`${port}.*the port is in use; choose another`));
  assert.deepEqual(readdirSync(directory.path), []);
});

test('a number of commands that leaves kinds out is refused', async () => {
  const run = await runMillrace(['demo', '--commands', '7']);
  assert.equal(run.code, 2);
  assert.match(run.stderr, /--commands 7: write a whole number from 100 to/);
});
