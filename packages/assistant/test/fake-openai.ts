import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export const TEST_KEY = 'sk-test-4f2a9c71d08b';
export const TEST_MODEL = 'test-model-1';
const OUTPUT_TOKENS_MAX = 16_384;
const MODEL_NAME_SENT = `${TEST_MODEL}-2026-01-01`;

/** One thing that the fake does with a request that it has found to be right, in order. */
export type FakeAct =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'finish'; readonly reason?: string; readonly usage?: unknown }
  | { readonly kind: 'raw'; readonly line: string }
  /** Sends nothing more and keeps the connection open. */
  | { readonly kind: 'stall' }
  /** Destroys the socket. */
  | { readonly kind: 'drop' }
  /** Ends the stream as if it were complete, without `[DONE]`. */
  | { readonly kind: 'end' }
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body: string;
    };

export interface SeenRequest {
  readonly headers: IncomingMessage['headers'];
  readonly body: Record<string, unknown>;
  /** Resolves when the connection that carried the request is closed before the answer was complete. */
  readonly closedEarly: Promise<void>;
}

export interface FakeOpenAi extends AsyncDisposable {
  readonly baseUrl: string;
  readonly requests: SeenRequest[];
  /** What to do with the next request; after the last script it answers 500. */
  enqueue(...acts: readonly FakeAct[]): void;
  /** Resolves with the next request that arrives. */
  nextRequest(): Promise<SeenRequest>;
}

/**
 * The chat-completions wire of OpenAI, strict about what a client may send: what is wrong is answered as OpenAI does
 * (404, 401, 400 with `error.message`), and never by carrying on.
 */
export async function startFakeOpenAi(): Promise<FakeOpenAi> {
  const scripts: (readonly FakeAct[])[] = [];
  const requests: SeenRequest[] = [];
  const waiting: ((request: SeenRequest) => void)[] = [];
  const server = createServer((request, response) => {
    void handle(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = await readAll(request);
    const fault = findFault(request, text);
    if (fault !== undefined) return refuse(response, fault);
    const seen: SeenRequest = { headers: request.headers, body: JSON.parse(text), closedEarly: earlyClose(response) };
    requests.push(seen);
    for (const resolve of waiting.splice(0)) resolve(seen);
    perform(response, scripts.shift() ?? [{ kind: 'status', status: 500, body: 'no script' }]);
  }
  const port = await listen(server);
  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    requests,
    enqueue: (...acts) => scripts.push(acts),
    nextRequest: () => new Promise((resolve) => waiting.push(resolve)),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A whole answer: the pieces as chunks, then the end and the usage. */
export function answer(...pieces: readonly string[]): FakeAct[] {
  const usage = { prompt_tokens: 21, completion_tokens: pieces.length, total_tokens: 21 + pieces.length };
  return [...pieces.map((text) => ({ kind: 'text', text }) as const), { kind: 'finish', usage }];
}

interface Fault {
  readonly status: number;
  readonly message: string;
}

function findFault(request: IncomingMessage, text: string): Fault | undefined {
  if (request.url !== '/v1/chat/completions') return { status: 404, message: `Unknown path ${request.url}.` };
  if (request.method !== 'POST') return { status: 405, message: `Method ${request.method} not allowed.` };
  const { authorization } = request.headers;
  if (authorization !== `Bearer ${TEST_KEY}`) {
    // OpenAI repeats part of the key; this one repeats all of it, to see that nobody passes it on.
    return { status: 401, message: `Incorrect API key provided: ${authorization?.replace('Bearer ', '')}.` };
  }
  if (!request.headers['content-type']?.startsWith('application/json')) {
    return { status: 415, message: 'The content type must be application/json.' };
  }
  const message = findBodyFault(text);
  return message === undefined ? undefined : { status: 400, message };
}

function findBodyFault(text: string): string | undefined {
  let body: Record<string, unknown>;
  try {
    body = JSON.parse(text);
  } catch {
    return 'The body is no JSON.';
  }
  const known = ['model', 'messages', 'stream', 'stream_options', 'max_tokens'];
  const unknown = Object.keys(body).filter((name) => !known.includes(name));
  if (unknown.length > 0) return `Unknown fields ${unknown.join(', ')}.`;
  if (body.model !== TEST_MODEL) return `The model ${String(body.model)} does not exist.`;
  if (body.stream !== true) return 'Only streams here.';
  if ((body.stream_options as { include_usage?: unknown } | undefined)?.include_usage !== true)
    return 'No usage asked.';
  const limit = body.max_tokens;
  const limitFits = Number.isSafeInteger(limit) && (limit as number) >= 1 && (limit as number) <= OUTPUT_TOKENS_MAX;
  if (limit !== undefined && !limitFits) return `max_tokens must be 1 to ${OUTPUT_TOKENS_MAX}.`;
  return findMessagesFault(body.messages);
}

function findMessagesFault(messages: unknown): string | undefined {
  if (!Array.isArray(messages) || messages.length === 0) return 'messages must be an array with something in it.';
  for (const message of messages as Record<string, unknown>[]) {
    if (!['system', 'user', 'assistant'].includes(String(message.role))) return `Unknown role ${String(message.role)}.`;
    if (typeof message.content !== 'string' || message.content === '') return 'content must be text.';
    const extra = Object.keys(message).filter((name) => name !== 'role' && name !== 'content');
    if (extra.length > 0) return `Unknown fields ${extra.join(', ')} in a message.`;
  }
  return messages.at(-1).role === 'user' ? undefined : 'The last message must be of the user.';
}

function refuse(response: ServerResponse, fault: Fault): void {
  const body = JSON.stringify({ error: { message: fault.message, type: 'invalid_request_error', code: null } });
  response.writeHead(fault.status, { 'content-type': 'application/json' }).end(body);
}

function perform(response: ServerResponse, acts: readonly FakeAct[]): void {
  for (const act of acts) {
    if (act.kind === 'status') {
      response.writeHead(act.status, { 'content-type': 'application/json', ...act.headers }).end(act.body);
      return;
    }
    if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream' });
    if (act.kind === 'stall') {
      response.flushHeaders();
      return;
    }
    if (act.kind === 'drop') {
      // Written bytes must reach the client first: they are part of the scene.
      response.write(': dropping\n\n', () => response.socket?.destroy());
      return;
    }
    if (act.kind === 'end') {
      response.end();
      return;
    }
    writeAct(response, act);
  }
  response.end('data: [DONE]\n\n');
}

function writeAct(response: ServerResponse, act: Extract<FakeAct, { kind: 'text' | 'finish' | 'raw' }>): void {
  if (act.kind === 'raw') {
    response.write(`${act.line}\n\n`);
    return;
  }
  const choice =
    act.kind === 'text'
      ? { index: 0, delta: { role: 'assistant', content: act.text }, finish_reason: null }
      : { index: 0, delta: {}, finish_reason: act.reason ?? 'stop' };
  response.write(`data: ${chunk({ choices: [choice] })}\n\n`);
  if (act.kind === 'finish' && act.usage !== undefined) {
    response.write(`data: ${chunk({ choices: [], usage: act.usage })}\n\n`);
  }
}

function chunk(fields: Record<string, unknown>): string {
  const head = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1_767_225_600, model: MODEL_NAME_SENT };
  return JSON.stringify({ ...head, ...fields });
}

async function readAll(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString('utf8');
}

function earlyClose(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    response.on('close', () => {
      if (!response.writableEnded) resolve();
    });
  });
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}
