import { fileURLToPath } from 'node:url';
import { createClient, type MillraceClient } from '@millrace/client';
import { type RunningProcess, startProcess } from '@millrace/testkit';

const BIN = fileURLToPath(new URL('../src/bin.ts', import.meta.url));
const HANDLERS = fileURLToPath(new URL('./acceptance-handlers.ts', import.meta.url));

/** Node starts slowly on a busy machine. */
const READY_WITHIN_MS = 30_000;

export interface Server extends AsyncDisposable {
  readonly url: string;
  readonly process: RunningProcess;
  readonly client: MillraceClient;
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape.
  readonly body: any;
}

export interface ServerOptions {
  readonly dataDir: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly handlers?: string;
}

/** The real program on a free port, with the handlers of the acceptance tests; resolves once it has begun. */
export function startProgram({ dataDir, env, handlers = HANDLERS }: ServerOptions): Promise<RunningProcess> {
  const args = [BIN, 'start', '--port', '0', '--data', dataDir, '--handlers', handlers];
  return startProcess({ command: process.execPath, args, env: { ...env } });
}

/** As `startProgram`, and waits until it serves. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const program = await startProgram(options);
  const [, url = ''] = await program.waitFor(/ready on (http:\/\/[\w.:]+)/, READY_WITHIN_MS);
  return {
    url,
    process: program,
    client: createClient({ url }),
    async send(method, path, body, headers = {}) {
      const init = body === undefined ? {} : { body: JSON.stringify(body) };
      const content: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
      const response = await fetch(url + path, { method, headers: { ...content, ...headers }, ...init });
      const text = await response.text();
      const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
      return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : undefined };
    },
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  };
}
