import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface WireRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export type WireHandler = (request: WireRequest, response: ServerResponse) => void | Promise<void>;

export interface WireServer extends AsyncDisposable {
  readonly url: string;
  readonly requests: WireRequest[];
}

/** A real HTTP server that answers as the test says: it can drop connections, refuse, and cut streams. */
export async function startWireServer(handler: WireHandler): Promise<WireServer> {
  const requests: WireRequest[] = [];
  const server = createServer(async (incoming, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const request = {
      method: incoming.method ?? '',
      path: incoming.url ?? '',
      headers: incoming.headers,
      body: Buffer.concat(chunks).toString(),
    };
    requests.push(request);
    await handler(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

export function answer(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

export function answerError(response: ServerResponse, status: number, code: string, retryAfter?: string): void {
  const error = { code, message: `${code} it is.`, details: { field: 'x' }, retryable: status >= 429 };
  answer(response, status, { error }, retryAfter === undefined ? {} : { 'Retry-After': retryAfter });
}

export function drop(response: ServerResponse): void {
  response.socket?.destroy();
}

export function accepted(taskId: string): object {
  return { taskId, status: 'ACCEPTED', queuePosition: 1, estimatedCompletion: '2026-01-01T00:00:01.000Z' };
}

export function view(taskId: string, fields: object = {}): object {
  return {
    taskId,
    taskType: 'GREET',
    status: 'RUNNING',
    run: 1,
    attempts: 1,
    createdAt: '2026-01-01T00:00:00.000Z',
    updatedAt: '2026-01-01T00:00:02.000Z',
    finishedAt: null,
    ...fields,
  };
}
