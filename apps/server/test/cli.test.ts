import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { runMillrace } from './run-millrace.ts';
import { answer, startWireServer } from './wire-server.ts';

const directory = mkdtempSync(join(tmpdir(), 'millrace-cli-'));
after(() => rmSync(directory, { recursive: true }));

const view = (taskId: string, fields: object = {}): object => ({
  taskId,
  taskType: 'GREET',
  status: 'RUNNING',
  run: 1,
  attempts: 1,
  deadLettered: false,
  history: [],
  priority: 'normal',
  createdAt: '2026-01-01T00:00:00.000Z',
  updatedAt: '2026-01-01T00:00:01.000Z',
  startedAt: null,
  finishedAt: null,
  duration: null,
  ...fields,
});
const ended = (status: string): object => ({ status, finishedAt: '2026-01-01T00:00:01.500Z', duration: 1_200 });

/** Accepts everything; the command asked for has ended in the given state. */
const serverThatEnds = (status: string, fields: object = {}) =>
  startWireServer((request, response) => {
    if (request.method === 'GET') return answer(response, 200, view('t-1', { ...ended(status), ...fields }));
    const { taskId } = JSON.parse(request.body) as { taskId: string };
    answer(response, 202, {
      taskId,
      status: 'ACCEPTED',
      queuePosition: 0,
      estimatedCompletion: '2026-01-01T00:00:01Z',
    });
  });

test('submit sends what the options say and prints the id', async () => {
  await using server = await serverThatEnds('SUCCESS');
  const args = [
    'submit',
    'GREET',
    '--payload',
    '{"name":"Ada"}',
    '--task-id',
    't-1',
    '--priority',
    'high',
    '--delay',
    '2s',
  ];
  const { code, stdout } = await runMillrace(args, { env: { MILLRACE_URL: server.url, API_KEY: 'secret-key' } });
  assert.deepEqual([code, stdout], [0, 't-1 accepted\n']);
  const [request] = server.requests;
  assert.equal(request?.path, '/commands');
  assert.equal(request?.headers['x-api-key'], 'secret-key');
  assert.deepEqual(JSON.parse(request?.body ?? ''), {
    taskType: 'GREET',
    taskId: 't-1',
    payload: { name: 'Ada' },
    metadata: { priority: 'high' },
    delay: 2_000,
  });
});

test('submit --wait prints the result, and exits with 3 when the command failed', async () => {
  await using good = await serverThatEnds('SUCCESS', { result: { text: 'hi' } });
  const done = await runMillrace(['submit', 'GREET', '--wait', '--json', '--url', good.url]);
  const outcome = { taskId: 't-1', status: 'SUCCESS', result: { text: 'hi' }, processingTime: 1_500 };
  assert.deepEqual([done.code, JSON.parse(done.stdout)], [0, outcome]);

  const error = { code: 'PROCESSING_ERROR', message: 'no luck', details: {}, retryable: true };
  await using bad = await serverThatEnds('FAILURE', { error });
  const failed = await runMillrace(['submit', 'GREET', '--wait', '--url', bad.url]);
  assert.deepEqual([failed.code, failed.stdout], [3, 't-1 FAILURE after 1.5 s\nPROCESSING_ERROR: no luck\n']);
});

test('a payload comes from a file or from standard input too', async () => {
  await using server = await serverThatEnds('SUCCESS');
  writeFileSync(join(directory, 'payload.json'), '{"from":"file"}');
  await runMillrace(['submit', 'GREET', '--payload', '@payload.json', '--url', server.url], { cwd: directory });
  await runMillrace(['submit', 'GREET', '--payload', '-', '--url', server.url], { input: '{"from":"stdin"}' });
  const payloads = server.requests.map((request) => (JSON.parse(request.body) as { payload: unknown }).payload);
  assert.deepEqual(payloads, [{ from: 'file' }, { from: 'stdin' }]);
});

test('submit --file sends every line, and tells which were not taken', async () => {
  await using server = await startWireServer((request, response) => {
    const items = request.body
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { taskId: string; payload?: string })
      .map(({ taskId, payload }) =>
        payload === 'bad'
          ? { taskId, error: { code: 'VALIDATION_ERROR', message: 'bad payload', details: {}, retryable: false } }
          : { taskId, status: 'ACCEPTED', ...(payload === 'again' ? { replay: true } : {}) },
      );
    answer(response, 200, { items });
  });
  const lines = [
    '{"taskId":"a"}',
    'not json',
    '{"taskId":"b","payload":"bad"}',
    '',
    '{"taskId":"c","payload":"again"}',
  ];
  writeFileSync(join(directory, 'commands.ndjson'), lines.join('\n'));
  const run = await runMillrace(['submit', 'GREET', '--file', 'commands.ndjson', '--json', '--url', server.url], {
    cwd: directory,
  });
  assert.equal(run.code, 1);
  const summary = JSON.parse(run.stdout) as { rejections: { line: number; code: string }[] };
  assert.deepEqual(
    { ...summary, durationMs: 0, rejections: summary.rejections.map(({ line }) => line) },
    {
      accepted: 1,
      replayed: 1,
      rejected: 2,
      durationMs: 0,
      rejections: [2, 3],
    },
  );
  assert.match(server.requests[0]?.body ?? '', /"taskType":"GREET"/);
});

test('list prints a table, one JSON document, or with --all a command a line', async () => {
  await using server = await startWireServer((request, response) => {
    const isLast = request.path.includes('cursor=');
    answer(response, 200, { items: [view(isLast ? 'b' : 'a', ended('SUCCESS'))], nextCursor: isLast ? null : 'next' });
  });
  const table = await runMillrace(['list', '--url', server.url, '--status', 'SUCCESS']);
  assert.equal(
    table.stdout,
    'TASK ID  TYPE   STATUS   ATTEMPTS  CREATED               DURATION  ERROR\n' +
      'a        GREET  SUCCESS  1         2026-01-01 00:00:00Z  1.2 s\n',
  );
  assert.match(table.stderr, /--cursor next/);
  const page = await runMillrace(['list', '--json', '--url', server.url]);
  assert.equal((JSON.parse(page.stdout) as { nextCursor: string }).nextCursor, 'next');
  const all = await runMillrace(['list', '--json', '--all', '--url', server.url]);
  const ids = all.stdout
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { taskId: string }).taskId);
  assert.deepEqual(ids, ['a', 'b']);
});

test('show prints facts, attempts and the result', async () => {
  const history = [{ run: 1, attempt: 1, outcome: 'success', startedAt: null, endedAt: null }];
  await using server = await serverThatEnds('SUCCESS', { result: { text: 'hi' }, history });
  const { stdout } = await runMillrace(['show', 't-1', '--url', server.url]);
  assert.match(stdout, /^taskId\s+t-1\ntaskType\s+GREET\nstatus\s+SUCCESS\n/);
  assert.match(stdout, /RUN {2}ATTEMPT {2}OUTCOME/);
  assert.match(stdout, /result:\n\{\n {2}"text": "hi"\n\}\n$/);
});

test('watch prints an event a line until the command has ended', async () => {
  await using server = await startWireServer((request, response) => {
    if (!request.path.endsWith('/events')) return answer(response, 200, view('t-1', ended('SUCCESS')));
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    for (const [id, type, status] of [
      ['1', 'command.started', 'RUNNING'],
      ['2', 'command.succeeded', 'SUCCESS'],
    ]) {
      const event = { id, type, status, taskId: 't-1', taskType: 'GREET', attempt: 1, at: '2026-01-01T00:00:02.000Z' };
      response.write(`event: ${type}\nid: ${id}\ndata: ${JSON.stringify(event)}\n\n`);
    }
  });
  const { code, stdout } = await runMillrace(['watch', 't-1', '--json', '--url', server.url]);
  const types = stdout
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { type: string }).type);
  assert.deepEqual([code, types], [0, ['command.started', 'command.succeeded']]);
});

test('cancel goes through all ids, and fails when one failed', async () => {
  await using server = await startWireServer((request, response) => {
    if (request.path === '/commands/a/cancel') return answer(response, 200, view('a', ended('CANCELLED')));
    const error = { code: 'COMMAND_NOT_FOUND', message: 'There is no command b.', details: {}, retryable: false };
    answer(response, 404, { error });
  });
  const run = await runMillrace(['cancel', 'b', 'a', '--url', server.url]);
  assert.deepEqual([run.code, run.stdout, run.stderr], [1, 'a is CANCELLED\n', 'There is no command b.\n']);
});

test('redrive, pause, resume and drain call what they say', async () => {
  await using server = await startWireServer((request, response) => {
    if (request.path.endsWith('/redrive')) return answer(response, 200, { redriven: 3 });
    if (request.method === 'GET') return answer(response, 200, { items: [], nextCursor: null });
    answer(response, 200, { taskType: 'GREET', paused: true });
  });
  const { url } = server;
  assert.equal((await runMillrace(['redrive', '--type', 'GREET', '--url', url])).stdout, '3 commands run again\n');
  assert.equal((await runMillrace(['pause', 'GREET', '--url', url])).stdout, 'GREET is paused; what runs goes on\n');
  assert.equal((await runMillrace(['resume', 'GREET', '--url', url])).stdout, 'GREET goes on\n');
  assert.equal((await runMillrace(['drain', '--url', url])).stdout, 'Nothing is due or running\n');
  assert.deepEqual(server.requests.map(({ path }) => path).slice(0, 3), [
    '/commands/dead-letters/redrive',
    '/commands/types/GREET/pause',
    '/commands/types/GREET/resume',
  ]);
});

test('drain gives up after its timeout', async () => {
  await using server = await startWireServer((_, response) =>
    answer(response, 200, { items: [view('a')], nextCursor: null }),
  );
  const run = await runMillrace(['drain', '--timeout', '200ms', '--url', server.url]);
  assert.equal(run.code, 1);
  assert.match(run.stderr, /Not drained within 200ms/);
});

test('a server that does not answer is told with what to do, for machines as JSON', async () => {
  const url = 'http://127.0.0.1:9';
  const human = await runMillrace(['list', '--url', url]);
  assert.equal(human.code, 1);
  assert.match(human.stderr, /Is Millrace running\? Start it with: npx millrace start/);
  const machine = await runMillrace(['list', '--json', '--url', url]);
  assert.equal((JSON.parse(machine.stderr) as { error: { code: string } }).error.code, 'CLIENT_UNREACHABLE');
});

test('wrong usage exits with 2 and a suggestion', async () => {
  const wrong = await runMillrace(['sumbit']);
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /Did you mean submit\?/);
  const payload = await runMillrace(['submit', 'X', '--payload', '{x']);
  assert.equal(payload.code, 2);
  assert.match(payload.stderr, /--payload is not JSON/);
});

test('config prints values with their sources and never a secret', async () => {
  writeFileSync(join(directory, '.env'), 'LOG_LEVEL=debug\nAPI_KEY=from-the-file\n');
  const env = { JWT_SECRET: 'j'.repeat(40), REDIS_URL: 'redis://x' };
  const run = await runMillrace(['config', '--json', '--port', '4000'], { cwd: directory, env });
  assert.equal(run.code, 0, run.stderr);
  const { settings, warnings } = JSON.parse(run.stdout) as {
    settings: { name: string; value: string; source: string }[];
    warnings: string[];
  };
  const of = (name: string) => settings.find((line) => line.name === name);
  assert.deepEqual([of('PORT')?.value, of('PORT')?.source], ['4000', 'flag']);
  assert.deepEqual([of('LOG_LEVEL')?.value, of('LOG_LEVEL')?.source], ['debug', '.env']);
  assert.deepEqual([of('JWT_SECRET')?.value, of('JWT_SECRET')?.source], ['********', 'environment']);
  assert.doesNotMatch(run.stdout, /from-the-file|jjjj/);
  assert.match(warnings.join(), /REDIS_URL/);
});

test('start tells every wrong setting and flag at once and exits with 2', async () => {
  const env = { HOST: '0.0.0.0', MILLRACE_STROE: 'x', LOG_LEVEL: 'loud' };
  const run = await runMillrace(['start', '--prot', '1', '--port', 'x'], { cwd: tmpdir(), env });
  assert.equal(run.code, 2);
  for (const pattern of [/--prot is not a flag/, /--port="x"/, /MILLRACE_STROE/, /LOG_LEVEL="loud"/, /set API_KEY/]) {
    assert.match(run.stderr, pattern);
  }
});

test('start with a handlers file that is not there exits with 1 and its name', async () => {
  const run = await runMillrace(['start', '--handlers', 'nowhere.ts'], { cwd: tmpdir() });
  assert.equal(run.code, 1);
  assert.match(run.stderr, /nowhere\.ts does not exist/);
});
