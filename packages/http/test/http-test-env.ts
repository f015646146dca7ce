import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { type Logger, silentLogger } from '@millrace/kit';
import { Type } from 'typebox';
import {
  createHttpServer,
  createMetrics,
  type HttpOptions,
  type HttpServer,
  registerBatchRoutes,
} from '../src/index.ts';

export interface ErrorAnswer {
  readonly error: { code: string; message: string; details: Record<string, unknown>; retryable: boolean };
  readonly [field: string]: unknown;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: ErrorAnswer & Record<string, unknown>;
  readonly text: string;
}

export interface TestServer extends AsyncDisposable {
  readonly server: HttpServer;
  readonly logged: unknown[];
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer>;
  send(path: string, init: RequestInit): Promise<Answer>;
}

/** A server on a free port with a few routes of every kind. */
export async function startTestServer(
  options: HttpOptions = {},
  addRoutes: (server: HttpServer) => void = () => {},
): Promise<TestServer> {
  const metrics = createMetrics();
  const logged: unknown[] = [];
  const logger: Logger = { ...silentLogger, error: (message, fields) => logged.push({ message, fields }) };
  const server = createHttpServer({ port: 0, registry: metrics.registry, logger, ...options });
  server.register((app) => {
    app.post('/echo', { schema: { body: EchoBody } }, (request, reply) => {
      reply.send({ taskId: request.body.taskId, text: request.body.text ?? null });
    });
    app.get('/items/:id', { schema: { querystring: ItemQuery } }, (request, reply) => {
      reply.send({ id: (request.params as { id: string }).id, limit: request.query.limit, caller: request.principal });
    });
    app.post('/items/:id/cancel', { config: { alwaysAccept: true } }, (_, reply) => reply.send({ cancelled: true }));
    app.delete('/items/:id', { config: { scope: 'admin' } }, (_, reply) => reply.send({ deleted: true }));
    app.get('/large', (_, reply) => reply.send({ text: 'x'.repeat(5_000) }));
    app.get('/broken', () => {
      throw new Error('the password is hunter2');
    });
    registerBatchRoutes(app, (batch) => {
      batch.post('/batch', (request, reply) => reply.send({ items: request.body }));
    });
  });
  addRoutes(server);
  await server.start();
  const send = async (path: string, init: RequestInit): Promise<Answer> => {
    const response = await fetch(server.url + path, init);
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
    return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : {} };
  };
  return {
    server,
    logged,
    send,
    get: (path, headers = {}) => send(path, { headers }),
    post: (path, body, headers = {}) => {
      const isRaw = typeof body === 'string' || body instanceof Uint8Array;
      const content = isRaw ? (body as string) : JSON.stringify(body);
      return send(path, { method: 'POST', body: content, headers: { 'content-type': 'application/json', ...headers } });
    },
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      metrics[Symbol.dispose]();
    },
  };
}

export const EchoBody = Type.Object(
  { taskId: Type.String({ minLength: 1, maxLength: 100 }), text: Type.Optional(Type.String()) },
  { additionalProperties: false },
);
const ItemQuery = Type.Object({ limit: Type.Integer({ default: 50, maximum: 1_000 }) });

/** The shape that every error of the house has. */
export function assertError(answer: Answer, status: number, code: string): void {
  assert.equal(answer.status, status, answer.text);
  assert.equal(answer.body.error.code, code);
  assert.equal(typeof answer.body.error.message, 'string');
  assert.equal(typeof answer.body.error.details, 'object');
  assert.equal(typeof answer.body.error.retryable, 'boolean');
}

/** Sends bytes as they are and returns all that comes back; for what `fetch` refuses to send. */
export function sendRaw(url: string, text: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(text));
    let received = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      received += chunk;
    });
    socket.on('close', () => resolve(received));
    socket.on('error', reject);
  });
}
