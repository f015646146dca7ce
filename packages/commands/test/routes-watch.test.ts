import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { test } from 'node:test';
import { assertRefused, type RoutesEnv, startRoutes } from './routes-env.ts';

interface Message {
  readonly type?: string;
  readonly id?: string;
  readonly stream?: string;
  readonly taskId?: string;
  readonly error?: { readonly code: string };
}

/** Reads events of a stream until one of the wanted type has come. */
async function readUntil(env: RoutesEnv, path: string, type: string, headers = {}): Promise<Message[]> {
  const response = await fetch(env.url + path, { headers, signal: AbortSignal.timeout(10_000) });
  assert.equal(response.status, 200);
  assert.match(response.headers.get('content-type') ?? '', /^text\/event-stream/);
  const events: Message[] = [];
  let rest = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body as ReadableStream<Uint8Array>) {
    const frames = (rest + decoder.decode(chunk, { stream: true })).split('\n\n');
    rest = frames.pop() ?? '';
    for (const frame of frames) {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(frame)?.[1];
      const data = field('data');
      if (data === undefined) continue;
      const event = JSON.parse(data) as Message;
      assert.equal(field('event'), event.type);
      assert.equal(field('id'), event.id);
      events.push(event);
      if (event.type === type) return events;
    }
  }
  throw new Error(`The stream ended before ${type}: ${JSON.stringify(events)}`);
}

test('the events of a command are streamed and resumed', async () => {
  await using env = await startRoutes();
  assertRefused(await env.get('/commands/nobody/events'), 404, 'COMMAND_NOT_FOUND');
  await env.post('/commands', { taskId: 'e-1', taskType: 'GATED' });
  const reading = readUntil(env, '/commands/e-1/events', 'command.succeeded');
  env.open();
  const events = await reading;
  assert.deepEqual(
    events.map(({ type }) => type),
    ['command.queued', 'command.started', 'command.succeeded'],
  );
  const [first] = events;
  const header = await readUntil(env, '/commands/e-1/events', 'command.succeeded', { 'last-event-id': first?.id });
  assert.deepEqual(header, events.slice(1));
  const query = `/commands/e-1/events?lastEventId=${encodeURIComponent(first?.id ?? '')}`;
  assert.deepEqual(await readUntil(env, query, 'command.succeeded'), events.slice(1));
});

test('the events of all commands are streamed', async () => {
  await using env = await startRoutes();
  const reading = readUntil(env, '/commands/events', 'command.failed');
  await env.post('/command/process', { taskId: 'a-1', taskType: 'ECHO' });
  await env.post('/command/process', { taskId: 'a-2', taskType: 'BROKEN' });
  const events = await reading;
  assert.equal(events.at(-1)?.taskId, 'a-2');
});

/** A socket whose messages are awaited one by one. */
async function openSocket(env: RoutesEnv) {
  const socket = new WebSocket(`${env.url.replace('http', 'ws')}/ws`);
  const messages: Message[] = [];
  let wake = () => {};
  socket.addEventListener('message', ({ data }) => {
    messages.push(JSON.parse(String(data)) as Message);
    wake();
  });
  await once(socket, 'open');
  return {
    socket,
    say: (message: unknown) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    async next(wanted: (message: Message) => boolean): Promise<Message> {
      for (;;) {
        const found = messages.findIndex(wanted);
        if (found >= 0) return messages.splice(found, 1)[0] as Message;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    async [Symbol.asyncDispose]() {
      const closed = once(socket, 'close');
      socket.close();
      await closed;
    },
  };
}

test('a socket follows commands and says whose stream an event is of', async () => {
  await using env = await startRoutes();
  await env.post('/commands', { taskId: 'w-1', taskType: 'GATED' });
  await using client = await openSocket(env);
  client.say({ subscribe: 'w-1' });
  client.say({ subscribe: '*' });
  await client.next(({ stream, type }) => stream === 'w-1' && type === 'command.started');
  env.open();
  await client.next(({ stream, type }) => stream === 'w-1' && type === 'command.succeeded');
  client.say({ unsubscribe: 'w-1' });
  client.say({ subscribe: 'nobody' });
  const refused = await client.next(({ stream }) => stream === 'nobody');
  assert.equal(refused.error?.code, 'COMMAND_NOT_FOUND');
});

test('a socket answers what it does not understand and stays open', async () => {
  await using env = await startRoutes();
  await using client = await openSocket(env);
  const bad = [
    '{',
    '[]',
    '7',
    {},
    { subscribe: 7 },
    { subscribe: 'a', unsubscribe: 'b' },
    { subscribe: '*', colour: 1 },
  ];
  for (const message of [...bad, { subscribe: '*', lastEventId: 7 }, '{"__proto__":{"subscribe":"*"}}']) {
    client.say(message);
    const { error } = await client.next(({ error }) => error !== undefined);
    assert.equal(error?.code, 'VALIDATION_ERROR');
  }
  for (let index = 0; index <= 100; index++) {
    await env.post('/commands', { taskId: `many-${index}`, taskType: 'GATED' });
    client.say({ subscribe: `many-${index}` });
  }
  const { error } = await client.next(({ error }) => error !== undefined);
  assert.equal(error?.code, 'VALIDATION_ERROR');
});

test('a socket of a page of another origin is refused', async () => {
  await using env = await startRoutes();
  const key = Buffer.alloc(16).toString('base64');
  const upgrade = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': key,
  };
  const call = request(`${env.url}/ws`, { headers: { ...upgrade, origin: 'https://evil.example' } }).end();
  const [response] = await once(call, 'response');
  assert.equal(response.statusCode, 403);
  response.resume();
});
