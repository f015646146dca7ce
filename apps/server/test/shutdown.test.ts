import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually, startProcess, type TempDir, tempDir } from '@millrace/testkit';

const BIN = fileURLToPath(new URL('../src/bin.ts', import.meta.url));
const READY = /Millrace is ready on (http:[^"]+)/;

/** SLOW takes as long as its payload says, whatever its signal; a second attempt ends at once. */
const HANDLERS = `import { setTimeout } from 'node:timers/promises';
export const slow = {
  type: 'SLOW',
  handler: async ({ payload }, { attempt, progress }) => {
    progress('running');
    if (attempt === 1) await setTimeout(payload.ms);
    return { attempt };
  },
};
`;

async function start(directory: TempDir, env: Readonly<Record<string, string>> = {}) {
  writeFileSync(directory.join('handlers.mjs'), HANDLERS);
  const server = await startProcess({
    command: process.execPath,
    args: [BIN, 'start', '--port', '0', '--handlers', 'handlers.mjs'],
    cwd: directory.path,
    env,
    readyWhen: READY,
  });
  const [, url = ''] = await server.waitFor(READY);
  return { server, url, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

interface Seen {
  readonly status: string;
  readonly result?: unknown;
}

const post = (url: string, path: string, body: object): Promise<Response> =>
  fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

const read = async (url: string, path: string): Promise<Seen> => (await (await fetch(`${url}${path}`)).json()) as Seen;

const untilRunning = (url: string, taskId: string): Promise<void> =>
  eventually(async () => assert.equal((await read(url, `/commands/${taskId}`)).status, 'RUNNING'));

test('on SIGTERM readiness fails first, writes are refused, and a waiting request still gets its outcome', async () => {
  await using directory = await tempDir('millrace-');
  await using program = await start(directory);
  const { server, url } = program;
  const waiting = post(url, '/command/process', { taskId: 't-1', taskType: 'SLOW', payload: { ms: 2_500 } });
  await untilRunning(url, 't-1');
  server.signal('SIGTERM');
  await eventually(async () => assert.equal((await fetch(`${url}/health/ready`)).status, 503));
  assert.equal((await fetch(`${url}/health/live`)).status, 200, 'it still lives');
  const refused = await post(url, '/commands', { taskType: 'SLOW', payload: { ms: 0 } });
  assert.equal(refused.status, 503);
  assert.ok(Number(refused.headers.get('retry-after')) > 0);
  const answer = await waiting;
  assert.equal(answer.status, 200);
  assert.partialDeepStrictEqual(await answer.json(), { taskId: 't-1', status: 'SUCCESS', result: { attempt: 1 } });
  assert.deepEqual(await server.exited, { code: 0, signal: null });
});

test('what does not end within SHUTDOWN_TIMEOUT is given back, and the next process runs it at once', async () => {
  await using directory = await tempDir('millrace-');
  {
    await using first = await start(directory, { SHUTDOWN_TIMEOUT: '2500' });
    await post(first.url, '/commands', { taskId: 't-1', taskType: 'SLOW', payload: { ms: 60_000 } });
    await untilRunning(first.url, 't-1');
    first.server.signal('SIGTERM');
    assert.deepEqual(await first.server.exited, { code: 0, signal: null }, first.server.output());
  }
  await using second = await start(directory);
  const ended = await read(second.url, '/commands/t-1?wait=5');
  assert.partialDeepStrictEqual(ended, { status: 'SUCCESS', result: { attempt: 2 } });
});

test('a second signal ends the process at once, and its command is taken over', async () => {
  await using directory = await tempDir('millrace-');
  {
    await using first = await start(directory);
    await post(first.url, '/commands', { taskId: 't-1', taskType: 'SLOW', payload: { ms: 60_000 } });
    await untilRunning(first.url, 't-1');
    first.server.signal('SIGTERM');
    await first.server.waitFor(/SIGTERM: stopping/);
    first.server.signal('SIGINT');
    assert.deepEqual(await first.server.exited, { code: 130, signal: null });
  }
  await using second = await start(directory);
  assert.equal((await read(second.url, '/commands/t-1?wait=5')).status, 'SUCCESS');
});
