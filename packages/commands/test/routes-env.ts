import assert from 'node:assert/strict';
import { createMemoryStore, type Store } from '@millrace/engines/store';
import { createHttpServer, createMetrics, type HttpOptions, type HttpServer } from '@millrace/http';
import { type CommandDefinition, defineCommand, silentLogger, systemClock, Unrecoverable } from '@millrace/kit';
import { Type } from 'typebox';
import {
  type Commands,
  type CommandsOptions,
  commandsSchema,
  createCommands,
  registerCommandRoutes,
  registerCommandSocket,
} from '../src/index.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape.
  readonly body: any;
  readonly text: string;
}

export interface RoutesEnv extends AsyncDisposable {
  readonly commands: Commands;
  readonly store: Store;
  readonly server: HttpServer;
  readonly url: string;
  readonly logged: unknown[];
  /** Lets the handlers of `GATED` that wait go on. */
  open(): void;
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  send(path: string, init: RequestInit): Promise<Answer>;
}

export interface RoutesEnvOptions {
  readonly http?: HttpOptions;
  readonly commands?: Partial<CommandsOptions>;
  readonly store?: Store;
  readonly setUp?: (parts: { server: HttpServer; commands: Commands; store: Store }) => void;
}

/** A server on a free port with the room's routes over a store in memory, and a few types of commands. */
export async function startRoutes(options: RoutesEnvOptions = {}): Promise<RoutesEnv> {
  const gate = { promise: Promise.resolve(), resolve: () => {} };
  const shut = () => Object.assign(gate, Promise.withResolvers<void>());
  shut();
  const metrics = createMetrics();
  const store = options.store ?? createMemoryStore({ schemas: [commandsSchema] });
  const definitions = definitionsWith(() => gate.promise);
  const commands = createCommands({ store, definitions, ...options.commands });
  const logged: unknown[] = [];
  const logger = { ...silentLogger, error: (message: string, fields: unknown) => logged.push({ message, fields }) };
  const server = createHttpServer({ port: 0, registry: metrics.registry, logger, stopGraceMs: 200, ...options.http });
  const routes = { commands, clock: systemClock, logger };
  server.register((app) => registerCommandRoutes(app, routes));
  server.registerWebSocket((app) => registerCommandSocket(app, routes));
  options.setUp?.({ server, commands, store });
  await store.start();
  await commands.start();
  await server.start();
  const send = async (path: string, init: RequestInit): Promise<Answer> => {
    const response = await fetch(server.url + path, init);
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
    return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : undefined };
  };
  return {
    commands,
    store,
    server,
    url: server.url,
    logged,
    send,
    open: () => gate.resolve(),
    get: (path, headers = {}) => send(path, { headers }),
    post: (path, body, headers = {}) => {
      if (body === undefined) return send(path, { method: 'POST', headers });
      const content = typeof body === 'string' || body instanceof Uint8Array ? (body as string) : JSON.stringify(body);
      return send(path, { method: 'POST', body: content, headers: { 'content-type': 'application/json', ...headers } });
    },
    [Symbol.asyncDispose]: async () => {
      gate.resolve();
      await server.stop();
      await commands.stop();
      await store.stop();
      metrics[Symbol.dispose]();
    },
  };
}

function definitionsWith(gate: () => Promise<void>): CommandDefinition[] {
  const retries = { maxAttempts: 1 };
  return [
    defineCommand({ type: 'ECHO', concurrency: 100, handler: ({ payload }) => payload ?? null }),
    defineCommand({
      type: 'TYPED',
      payload: Type.Object({ count: Type.Integer() }),
      handler: ({ payload }) => ({ twice: payload.count * 2 }),
    }),
    defineCommand({
      type: 'BROKEN',
      retries,
      handler: () => {
        throw new Unrecoverable('It never works.');
      },
    }),
    defineCommand({
      type: 'GATED',
      retries,
      concurrency: 100,
      handler: async (_, { signal }) => {
        const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        await Promise.race([gate(), aborted]);
        return 'through';
      },
    }),
  ];
}

/** The shape that every error of the house has. */
export function assertRefused(answer: Answer, status: number, code: string): void {
  assert.equal(answer.status, status, answer.text);
  assert.equal(answer.body.error.code, code);
  assert.equal(typeof answer.body.error.message, 'string');
  assert.equal(typeof answer.body.error.retryable, 'boolean');
}
