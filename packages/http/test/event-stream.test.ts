import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { VirtualClock } from '@millrace/kit';
import { type EventStream, HEARTBEAT_INTERVAL_MS, type HttpOptions, openEventStream } from '../src/index.ts';
import { startTestServer } from './http-test-env.ts';

/** A server whose `/events` hands its stream to the test. */
async function startStreamServer(options: HttpOptions = {}, bufferBytesMax?: number) {
  const opened = Promise.withResolvers<EventStream>();
  const overflowed = Promise.withResolvers<void>();
  const env = await startTestServer(options, (server) => {
    server.register((app) => {
      app.get('/events', { config: { eventStream: true } }, (request, reply) => {
        opened.resolve(
          openEventStream(request, reply, {
            ...(bufferBytesMax === undefined ? {} : { bufferBytesMax }),
            onOverflow: () => overflowed.resolve(),
          }),
        );
      });
    });
  });
  return { env, opened: opened.promise, overflowed: overflowed.promise };
}

async function connect(url: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  const [response] = (await once(get(url, { headers, agent: false }), 'response')) as [IncomingMessage];
  response.setEncoding('utf8');
  return response;
}

/** Reads until the text so far ends as wanted. */
async function readUntil(response: IncomingMessage, end: string): Promise<string> {
  let text = '';
  while (!text.endsWith(end)) {
    const [chunk] = (await once(response, 'data')) as [string];
    text += chunk;
  }
  return text;
}

test('events arrive as they are sent, never compressed and never cached', async () => {
  const { env, opened } = await startStreamServer();
  await using _ = env;
  const response = await connect(`${env.server.url}/events`, { 'accept-encoding': 'gzip', 'last-event-id': '41' });
  assert.equal(response.headers['content-type'], 'text/event-stream; charset=utf-8');
  assert.equal(response.headers['content-encoding'], undefined);
  assert.match(response.headers['cache-control'] ?? '', /no-store/);
  assert.equal(response.headers['x-accel-buffering'], 'no');
  assert.match(response.headers['x-correlation-id'] as string, /./);
  const stream = await opened;
  assert.equal(stream.lastEventId, '41');
  assert.equal(stream.send({ id: '42\nevil: 1', event: 'command.queued', data: { text: 'a\nb' } }), true);
  const text = await readUntil(response, '"}\n\n');
  assert.ok(text.endsWith('id: 42 evil: 1\nevent: command.queued\ndata: {"text":"a\\nb"}\n\n'), text);
  stream.close();
  stream.close();
  await once(response, 'end');
  assert.equal(stream.send({ data: 1 }), false);
});

test('the signal aborts when the client goes away', async () => {
  const { env, opened } = await startStreamServer();
  await using _ = env;
  const response = await connect(`${env.server.url}/events`);
  const { signal } = await opened;
  assert.equal(signal.aborted, false);
  const aborted = once(signal, 'abort');
  response.destroy();
  await aborted;
});

test('a silent stream carries a heartbeat', async () => {
  const clock = new VirtualClock();
  const { env, opened } = await startStreamServer({ clock });
  await using _ = env;
  const response = await connect(`${env.server.url}/events`);
  await opened;
  await readUntil(response, 'retry: 2000\n\n');
  clock.advance(HEARTBEAT_INTERVAL_MS);
  assert.equal(await readUntil(response, ': heartbeat\n\n'), ': heartbeat\n\n');
});

test('a reader that is too slow makes the stream refuse events and say so once', async () => {
  const { env, opened, overflowed } = await startStreamServer({}, 64 * 1024);
  await using _ = env;
  const response = await connect(`${env.server.url}/events`);
  response.pause();
  const stream = await opened;
  const data = 'x'.repeat(16 * 1024);
  let sent = 0;
  while (stream.send({ data })) {
    assert.ok(++sent < 10_000);
    if (sent % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await overflowed;
  assert.equal(stream.send({ data }), false);
  const drained = stream.drained();
  response.resume();
  await drained;
  assert.equal(stream.send({ data: 'again' }), true);
});

test('stopping the server ends its streams', async () => {
  const { env, opened } = await startStreamServer();
  const response = await connect(`${env.server.url}/events`);
  const { signal } = await opened;
  response.resume();
  await Promise.all([once(response, 'end'), env.server.stop()]);
  assert.equal(signal.aborted, true);
});

test('event streams take their token from the query, because browsers can send no header', async () => {
  const { env } = await startStreamServer({ auth: { apiKey: 'secret' } });
  await using _ = env;
  assert.equal((await connect(`${env.server.url}/events`)).statusCode, 401);
  assert.equal((await connect(`${env.server.url}/events?access_token=wrong`)).statusCode, 401);
  const response = await connect(`${env.server.url}/events?access_token=secret`);
  assert.equal(response.statusCode, 200);
  response.destroy();
});

test('WebSocket routes answer, limit the size of messages and refuse pages of other origins', async () => {
  await using env = await startTestServer({}, (server) => {
    server.registerWebSocket((app) => {
      app.get('/ws', { websocket: true, config: { eventStream: true } }, (socket) => {
        socket.on('message', (data: Buffer) => socket.send(`got ${data.length}`));
      });
    });
  });
  const url = `${env.server.url.replace('http', 'ws')}/ws`;
  const socket = new WebSocket(url);
  await once(socket, 'open');
  socket.send('hello');
  const [message] = (await once(socket, 'message')) as [MessageEvent];
  assert.equal(message.data, 'got 5');
  const closed = once(socket, 'close');
  socket.send('x'.repeat(64 * 1024 + 1));
  const [event] = (await closed) as [CloseEvent];
  assert.equal(event.code, 1009);
  const upgrade = { connection: 'upgrade', upgrade: 'websocket', origin: 'https://evil.example' };
  const [response] = await once(get(`${env.server.url}/ws`, { headers: upgrade, agent: false }), 'response');
  assert.equal((response as IncomingMessage).statusCode, 403);
});
