import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { createClient, MillraceApiError, type WatchMessage } from '@millrace/client';
import type { CommandStatus } from '@millrace/kit';
import { answer, answerError, startWireServer, view } from './wire-server.ts';

const retries = { initialDelayMs: 1, maxDelayMs: 10, maxAttempts: 3 };

function open(response: ServerResponse): void {
  response.writeHead(200, { 'Content-Type': 'text/event-stream' });
  response.flushHeaders();
}

function send(response: ServerResponse, id: number | undefined, type: string, status: CommandStatus): void {
  const data = {
    ...(id === undefined ? {} : { id: String(id) }),
    type,
    taskId: 't',
    status,
    at: `2026-01-01T00:00:0${id ?? 0}.000Z`,
  };
  response.write(`event: ${type}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`);
}

const typesOf = (messages: readonly WatchMessage[]): string[] => messages.map((message) => message.type);

test('a watch whose stream is cut goes on after the last event, and ends with the command', async () => {
  await using server = await startWireServer((request, response) => {
    if (request.path === '/commands/t') {
      return answer(response, 200, view('t', { status: 'SUCCESS', finishedAt: '2026-01-01T00:00:03.000Z' }));
    }
    open(response);
    if (request.headers['last-event-id'] === undefined) {
      send(response, 1, 'command.queued', 'QUEUED');
      send(response, 2, 'command.started', 'RUNNING');
      send(response, undefined, 'command.progress', 'RUNNING');
      response.write('event: command.prog', () => response.destroy());
    } else {
      send(response, 3, 'command.succeeded', 'SUCCESS');
    }
  });
  const events = await Array.fromAsync(createClient({ url: server.url, retries }).watch('t'));
  assert.deepEqual(typesOf(events), ['command.queued', 'command.started', 'command.progress', 'command.succeeded']);
  assert.equal(server.requests[1]?.headers['last-event-id'], '2');
});

test('the end of an earlier run does not end the watch', async () => {
  await using server = await startWireServer((request, response) => {
    if (request.path === '/commands/t') {
      return answer(response, 200, view('t', { status: 'SUCCESS', finishedAt: '2026-01-01T00:00:04.000Z' }));
    }
    open(response);
    send(response, 1, 'command.failed', 'FAILURE');
    send(response, 2, 'command.queued', 'QUEUED');
    send(response, 4, 'command.succeeded', 'SUCCESS');
  });
  const events = await Array.fromAsync(createClient({ url: server.url }).watch('t'));
  assert.deepEqual(typesOf(events), ['command.failed', 'command.queued', 'command.succeeded']);
});

test('a reset with a snapshot that has ended ends the watch', async () => {
  await using server = await startWireServer((_, response) => {
    open(response);
    response.write(`event: reset\nid: 9\ndata: {"snapshot":{"taskId":"t","status":"CANCELLED"}}\n\n`);
  });
  const events = await Array.fromAsync(createClient({ url: server.url }).watch('t', { lastEventId: '1' }));
  assert.deepEqual(typesOf(events), ['reset']);
});

test('a stream that falls silent is opened again without being counted as failed', async () => {
  await using server = await startWireServer((_, response) => {
    open(response);
    if (server.requests.length > 5) {
      response.write('event: reset\ndata: {"snapshot":{"status":"SUCCESS"}}\n\n');
    }
  });
  const client = createClient({ url: server.url, retries, watchIdleMs: 20 });
  assert.equal((await Array.fromAsync(client.watch('t'))).length, 1);
});

test('streams that bring nothing again and again end the watch with an error', async () => {
  await using server = await startWireServer((_, response) => {
    open(response);
    response.end();
  });
  const watching = Array.fromAsync(createClient({ url: server.url, retries }).watch('t'));
  await assert.rejects(watching, /ended again and again/);
  assert.equal(server.requests.length, 3);
});

test('watching what does not exist fails with the code of the server', async () => {
  await using server = await startWireServer((_, response) => answerError(response, 404, 'COMMAND_NOT_FOUND'));
  const watching = Array.fromAsync(createClient({ url: server.url, retries }).watch('t'));
  await assert.rejects(watching, (error: unknown) => error instanceof MillraceApiError && error.status === 404);
});

test('leaving the loop or aborting the signal closes the stream', async () => {
  const closed = Promise.withResolvers<void>();
  await using server = await startWireServer((_, response) => {
    open(response);
    response.once('close', () => closed.resolve());
    send(response, 1, 'command.queued', 'QUEUED');
  });
  const client = createClient({ url: server.url, retries });
  for await (const event of client.watch('*')) {
    assert.equal(event.type, 'command.queued');
    break;
  }
  await closed.promise;
  assert.equal(server.requests[0]?.path, '/commands/events');

  const abort = new AbortController();
  const consume = async (): Promise<void> => {
    for await (const _ of client.watch('t', { signal: abort.signal })) abort.abort(new Error('seen enough'));
  };
  await assert.rejects(consume(), /seen enough/);
});
