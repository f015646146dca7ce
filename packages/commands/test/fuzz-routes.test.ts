import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { shortOrLong } from '@millrace/testkit';
import fc from 'fast-check';
import { type RoutesEnv, startRoutes } from './routes-env.ts';

const RUNS = shortOrLong(150, 3_000);
const MEBI = 1024 * 1024;
const WRITES = ['/command/process', '/commands', '/commands/batch', '/commands/dead-letters/redrive'] as const;

/** Nothing refused may be stored; no answer may be our own fault. */
async function assertRefusedAll(env: RoutesEnv, path: string, body: string | Uint8Array, headers = {}): Promise<void> {
  const answer = await env.post(path, body, { prefer: 'respond-async', ...headers });
  const shown = `${path} ${String(body).slice(0, 200)} → ${answer.status} ${answer.text.slice(0, 300)}`;
  if (path.endsWith('/batch') && answer.status === 200) {
    for (const item of answer.body.items) assert.ok(item.error !== undefined, shown);
  } else if (path.endsWith('/redrive') && answer.status === 200) {
    assert.equal(answer.body.redriven, 0, shown);
  } else {
    assert.ok(answer.status >= 400 && answer.status < 500, shown);
    assert.equal(typeof answer.body.error.code, 'string', shown);
  }
}

async function assertUnchanged(env: RoutesEnv): Promise<void> {
  const { body } = await env.get('/commands');
  assert.deepEqual(body.items, []);
  assert.deepEqual(env.logged, []);
}

const deep = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;
const command = (fields: string) => `{"taskId":"x","taskType":"ECHO",${fields}}`;

const BAD_BODIES: readonly (string | Uint8Array)[] = [
  ...['', ' ', 'null', 'true', '0', '"text"', '[[]]', '[null]', '{', '}', '{"taskId"', 'nul', "{'a':1}", '\u0000'],
  ...[deep(65), deep(50_000), '['.repeat(100_000), '[{}]', '{}', '{"taskType":null}'],
  ...['taskType', 'taskId'].flatMap((name) => [`{"${name}":{}}`, `{"${name}":[]}`, `{"${name}":1e999}`]),
  '{"taskId":"x","taskType":"__proto__"}',
  '{"taskId":"x","taskType":"constructor"}',
  '{"taskId":"__proto__ ","taskType":"ECHO"}',
  command('"__proto__":{"taskType":"ECHO"}'),
  command('"payload":{"__proto__":{"polluted":true}}'),
  command('"payload":{"constructor":{"prototype":{"polluted":true}}}'),
  command('"payload":{"\\u005f_proto__":{"polluted":true}}'),
  ...['-1', '1e309', '"soon"', '{}', '1e300', '9007199254740993'].map((value) => command(`"delay":${value}`)),
  ...['""', '"2026-01-01"', '"2026-13-01T00:00:00Z"', '0', '"9999-12-31T23:59:59Z"'].map((v) =>
    command(`"runAt":${v}`),
  ),
  ...['"never"', 'null', '[]'].map((value) => command(`"expiresAt":${value}`)),
  ...['null', '[]', '"high"', '{"priority":7}', '{"timeout":0}', '{"timeout":1e9}', '{"timeout":"9"}'].map((value) =>
    command(`"metadata":${value}`),
  ),
  ...['""', '7', '"\\ud800"', `"${'k'.repeat(201)}"`].map((value) => command(`"concurrencyKey":${value}`)),
  ...['7', '"\\ud800"', `"${'c'.repeat(10_000)}"`].map((value) => command(`"correlationId":${value}`)),
  command('"colour":"red"'),
  command('"taskType":"NONE"'),
  '{"taskId":"bad id","taskType":"ECHO","taskId":"also bad"}',
  `{"taskId":"x","taskType":"ECHO","payload":"${'x'.repeat(2 * MEBI)}"`,
  Uint8Array.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]),
  Uint8Array.from([0xed, 0xa0, 0x80]),
  Uint8Array.from([0xef, 0xbb, 0xbf, 0x7b, 0x7d]),
];

test('bad bodies are refused by every route that writes and change nothing', async () => {
  await using env = await startRoutes();
  for (const body of BAD_BODIES) {
    for (const path of WRITES) {
      // No filter at all is a valid redrive; it finds nothing here.
      await assertRefusedAll(env, path, body);
    }
    if (!(body instanceof Uint8Array) && !body.includes('\n')) {
      await assertRefusedAll(env, '/commands/batch', `${body}\n{broken\n`, { 'content-type': 'application/x-ndjson' });
    }
  }
  const large = JSON.stringify({ taskId: 'x', taskType: 'ECHO', payload: 'x'.repeat(2 * MEBI) });
  for (const path of ['/command/process', '/commands']) {
    assert.equal((await env.post(path, large)).status, 413);
  }
  assert.equal(({} as { polluted?: boolean }).polluted, undefined);
  await assertUnchanged(env);
});

/** Any JSON that is no command: wrong types in the right places, and everything else. */
const strangeCommand = fc.oneof(
  fc.jsonValue({ maxDepth: 5 }),
  fc.record(
    {
      taskId: fc.jsonValue({ maxDepth: 1 }),
      taskType: fc.constantFrom('NONE', 'echo', 'toString', '', 7, null),
      payload: fc.jsonValue(),
      metadata: fc.jsonValue({ maxDepth: 2 }),
      delay: fc.oneof(fc.double(), fc.jsonValue({ maxDepth: 1 })),
      runAt: fc.jsonValue({ maxDepth: 1 }),
      concurrencyKey: fc.jsonValue({ maxDepth: 1 }),
    },
    { requiredKeys: ['taskType'] },
  ),
);

test('any JSON that is no command is refused', async () => {
  await using env = await startRoutes();
  const run = async (value: unknown, path: (typeof WRITES)[number]) => {
    if (path.endsWith('/redrive')) return;
    await assertRefusedAll(env, path, JSON.stringify(path.endsWith('/batch') ? [value] : value));
  };
  await fc.assert(fc.asyncProperty(strangeCommand, fc.constantFrom(...WRITES), run), { numRuns: RUNS });
  await assertUnchanged(env);
});

test('any bytes are refused, as JSON and line by line', async () => {
  await using env = await startRoutes();
  const run = async (bytes: Uint8Array, path: (typeof WRITES)[number]) => {
    const type = path.endsWith('/batch') ? 'application/x-ndjson' : 'application/json';
    await assertRefusedAll(env, path, bytes, { 'content-type': type });
  };
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 200 });
  await fc.assert(fc.asyncProperty(bytes, fc.constantFrom(...WRITES), run), { numRuns: RUNS });
  await assertUnchanged(env);
});

const PATHS = [
  ...['/', '/commands', '/commands/stats', '/commands/types', '/commands/dead-letters', '/commands/x'],
  ...['/commands/x/events', '/commands/x/cancel', '/commands/x/retry', '/commands/types/x', '/ws', '/page/style.css'],
];
const NAMES = [
  'wait',
  'fields',
  'status',
  'taskType',
  'from',
  'createdTo',
  'limit',
  'cursor',
  'since',
  '__proto__',
  'x',
];

test('strange paths and queries are never our own fault', async () => {
  await using env = await startRoutes();
  const query = fc.array(fc.tuple(fc.constantFrom(...NAMES), fc.string({ unit: 'binary', maxLength: 50 })), {
    maxLength: 4,
  });
  const run = async (path: string, pairs: [string, string][], tail: string) => {
    const parts = pairs.map(([name, value]) => `${name}=${encodeURIComponent(value.toWellFormed())}`);
    const answer = await env.get(`${path}${encodeURIComponent(tail.toWellFormed())}?${parts.join('&')}`);
    assert.ok(answer.status < 500, `${path} ${JSON.stringify(pairs)} → ${answer.status} ${answer.text}`);
  };
  await fc.assert(fc.asyncProperty(fc.constantFrom(...PATHS), query, fc.constantFrom('', '/', 'é', ' '), run), {
    numRuns: RUNS,
  });
  for (const raw of [
    'limit=1&limit=2',
    'status[]=x',
    '%',
    '%zz',
    'wait=1e999',
    'wait=-1',
    'limit=NaN',
    'cursor=zzzzzzzzzzz',
  ]) {
    const answer = await env.get(`/commands?${raw}`);
    assert.ok(answer.status < 500, `${raw} → ${answer.status}`);
  }
  await assertUnchanged(env);
});

test('strange headers are never our own fault', async () => {
  await using env = await startRoutes();
  const values = [
    '',
    ',',
    ';;=',
    'wait=',
    'wait=-1',
    'wait=1e9',
    'wait=9999999999999',
    '"',
    'wait="0";x',
    'x'.repeat(4_000),
  ];
  for (const value of [...values, 'respond-async='.repeat(100)]) {
    for (const name of ['prefer', 'idempotency-key', 'traceparent', 'x-correlation-id', 'last-event-id', 'accept']) {
      const headers = { [name]: value, ...(name === 'prefer' ? {} : { prefer: 'wait=0' }) };
      const answer = await env.post('/commands', { taskType: 'NONE' }, headers);
      assert.equal(answer.status, 400, `${name}: ${value.slice(0, 40)} → ${answer.text}`);
      const processed = await env.post('/command/process', { taskId: 'x', taskType: 'NONE' }, headers);
      assert.equal(processed.status, 400, `${name}: ${value.slice(0, 40)} → ${processed.text}`);
    }
  }
  for (const type of [
    'text/plain',
    'application/xml',
    'application/json; charset=latin1',
    'a',
    'multipart/form-data',
  ]) {
    const answer = await env.post('/commands', '{"taskType":"NONE"}', { 'content-type': type });
    assert.ok(answer.status === 415 || answer.status === 400, `${type} → ${answer.status}`);
  }
  await assertUnchanged(env);
});

test('bytes that are no HTTP are answered with 400 and the server goes on', async () => {
  await using env = await startRoutes();
  const { hostname, port } = new URL(env.url);
  const send = (text: string) =>
    new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), hostname, () => socket.end(text));
      let received = '';
      socket.setEncoding('utf8').on('data', (chunk: string) => {
        received += chunk;
      });
      socket.on('close', () => resolve(received)).on('error', reject);
    });
  const head = `POST /commands HTTP/1.1\r\nhost: ${hostname}\r\ncontent-type: application/json\r\n`;
  for (const text of [
    '\0\0\0\r\n\r\n',
    'GET\r\n\r\n',
    `${head}content-length: -1\r\n\r\n{}`,
    `${head}a b: c\r\n\r\n`,
  ]) {
    assert.match(await send(text), /^HTTP\/1\.1 4\d\d /, JSON.stringify(text));
  }
  await assertUnchanged(env);
});
