import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type RunningProcess, startProcess, tempDir } from '@millrace/testkit';
import { runMillrace } from './run-millrace.ts';

const BIN = fileURLToPath(new URL('../src/bin.ts', import.meta.url));
const READY = /Millrace is ready on (http:[^"]+)/;
const handlers = (answer: string): string =>
  `export const greet = { type: 'GREET', handler: async () => (${JSON.stringify(answer)}) };\n`;

const start = (cwd: string, ...args: string[]): Promise<RunningProcess> =>
  startProcess({ command: process.execPath, args: [BIN, 'start', '--port', '0', ...args], cwd, readyWhen: READY });

test('a started server answers, and SIGTERM ends it with 0', async () => {
  await using directory = await tempDir('millrace-');
  await using server = await start(directory.path);
  const [, url] = await server.waitFor(READY);
  assert.equal((await fetch(`${url}/health/ready`)).status, 200);
  process.kill(server.pid, 'SIGTERM');
  assert.deepEqual(await server.exited, { code: 0, signal: null });
  for (const line of server.output().trim().split('\n')) {
    const record = JSON.parse(line) as Record<string, unknown>;
    for (const field of ['timestamp', 'level', 'service', 'workerId', 'message']) assert.ok(field in record, line);
  }
});

test('the command line submits to a started server, reads results and lists', async () => {
  await using directory = await tempDir('millrace-');
  writeFileSync(directory.join('handlers.ts'), handlers('hello'));
  await using server = await start(directory.path, '--handlers', 'handlers.ts');
  const [, url = ''] = await server.waitFor(READY);
  const submitted = await runMillrace(['submit', 'GREET', '--task-id', 't-1', '--wait', '--json', '--url', url]);
  assert.equal(submitted.code, 0, submitted.stderr);
  assert.equal((JSON.parse(submitted.stdout) as { result: string }).result, 'hello');
  const again = await runMillrace(['submit', 'GREET', '--task-id', 't-1', '--url', url]);
  assert.equal(again.stdout, 't-1 was submitted before: SUCCESS\n');
  writeFileSync(directory.join('many.ndjson'), '{"taskId":"t-2"}\n{"taskId":"t 3"}\n');
  const many = await runMillrace(['submit', 'GREET', '--file', directory.join('many.ndjson'), '--url', url]);
  assert.equal(many.code, 1);
  assert.match(many.stdout, /^1 accepted, 0 submitted before, 1 rejected[\s\S]*line 2: VALIDATION_ERROR/);
  assert.equal((await runMillrace(['drain', '--url', url])).code, 0);
  const listed = await runMillrace(['list', '--json', '--url', url]);
  const { items } = JSON.parse(listed.stdout) as { items: { taskId: string; status: string }[] };
  assert.deepEqual(
    items.map(({ taskId, status }) => `${taskId} ${status}`),
    ['t-2 SUCCESS', 't-1 SUCCESS'],
  );
  const unknown = await runMillrace(['submit', 'GRET', '--url', url]);
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /GRET/);
});

test('a second process on the same data directory is told so and exits with 1', async () => {
  await using directory = await tempDir('millrace-');
  await using _ = await start(directory.path);
  const second = await runMillrace(['start', '--port', '0'], { cwd: directory.path });
  assert.equal(second.code, 1);
  assert.match(second.stderr, /Another Millrace process uses the data directory .*--data/);
});

test('with --watch a changed handlers file starts the server again, a broken one waits for the next change', async () => {
  await using directory = await tempDir('millrace-');
  const file = directory.join('handlers.ts');
  writeFileSync(file, handlers('first'));
  await using server = await start(directory.path, '--handlers', 'handlers.ts', '--watch');
  writeFileSync(file, 'export const greet = {{;\n');
  await server.waitFor(/handlers\.ts cannot be loaded/);
  writeFileSync(file, handlers('second'));
  await server.waitFor(/is ready on[\s\S]*cannot be loaded[\s\S]*is ready on/);
  process.kill(server.pid, 'SIGTERM');
  assert.deepEqual(await server.exited, { code: 0, signal: null });
});
