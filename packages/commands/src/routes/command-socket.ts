import { type HttpApp, parseJsonText } from '@millrace/http';
import { type Clock, type Timer, toAppError } from '@millrace/kit';
import type { EventMessage } from '../commands.ts';
import { invalid } from '../errors.ts';
import type { CommandRoutesOptions } from './route-options.ts';

/** Streams that one socket may follow at once. */
export const SUBSCRIPTIONS_MAX = 100;
/** Bytes on their way to a slow reader before its streams wait for it. */
const BUFFERED_BYTES_MAX = 256 * 1024;
/** A socket that has not answered a ping when the next is due is dead. */
const PING_INTERVAL_MS = 15_000;
/** RFC 6455 §7.4.1: the message was understood to be of the wrong kind. */
const UNSUPPORTED_DATA = 1003;

const ALL = '*';

/** What is used of a socket of `ws`. */
interface Socket {
  readonly bufferedAmount: number;
  send(text: string, done?: (error?: Error) => void): void;
  ping(): void;
  close(code?: number): void;
  terminate(): void;
  on(event: 'message', listener: (data: unknown, isBinary: boolean) => void): unknown;
  on(event: 'close' | 'pong' | 'error', listener: () => void): unknown;
}

/**
 * `GET /ws`: `{"subscribe": taskId | "*", "lastEventId"?}` follows a stream, `{"unsubscribe": taskId | "*"}` leaves it.
 * Every event comes as JSON with `stream` beside its own fields, which says whose `id` it is; a message that is not
 * understood is answered by `{"error": …}` and changes nothing.
 */
export function registerCommandSocket(app: HttpApp, options: CommandRoutesOptions): void {
  app.get('/ws', { websocket: true, config: { eventStream: true } }, (socket) => {
    new SocketSession(socket as unknown as Socket, options).open();
  });
}

interface Request {
  readonly verb: 'subscribe' | 'unsubscribe';
  readonly stream: string;
  readonly lastEventId: string | undefined;
}

class SocketSession {
  readonly #socket: Socket;
  readonly #options: CommandRoutesOptions;
  readonly #subscriptions = new Map<string, AbortController>();
  #timer: Timer | undefined;
  #isAlive = true;

  constructor(socket: Socket, options: CommandRoutesOptions) {
    this.#socket = socket;
    this.#options = options;
  }

  open(): void {
    this.#socket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    this.#socket.on('pong', () => {
      this.#isAlive = true;
    });
    this.#socket.on('error', () => this.#socket.terminate());
    this.#socket.on('close', () => this.#close());
    this.#keepAlive(this.#options.clock);
  }

  #receive(data: unknown, isBinary: boolean): void {
    if (isBinary) {
      this.#socket.close(UNSUPPORTED_DATA);
      return;
    }
    try {
      const { verb, stream, lastEventId } = readRequest(String(data));
      if (verb === 'unsubscribe') this.#subscriptions.get(stream)?.abort();
      else this.#subscribe(stream, lastEventId);
    } catch (error) {
      this.#refuse(undefined, error);
    }
  }

  #subscribe(stream: string, lastEventId: string | undefined): void {
    this.#subscriptions.get(stream)?.abort();
    if (this.#subscriptions.size >= SUBSCRIPTIONS_MAX && !this.#subscriptions.has(stream)) {
      throw invalid(
        '/subscribe',
        `A socket follows at most ${SUBSCRIPTIONS_MAX} streams. Open another, or follow "*".`,
      );
    }
    const abort = new AbortController();
    this.#subscriptions.set(stream, abort);
    this.#follow(stream, lastEventId, abort.signal)
      .catch((error: unknown) => (abort.signal.aborted ? undefined : this.#refuse(stream, error)))
      .finally(() => {
        if (this.#subscriptions.get(stream) === abort) this.#subscriptions.delete(stream);
      });
  }

  async #follow(stream: string, lastEventId: string | undefined, signal: AbortSignal): Promise<void> {
    const { commands } = this.#options;
    const taskId = stream === ALL ? undefined : stream;
    if (taskId !== undefined) await commands.get(taskId);
    for await (const event of commands.watch(taskId, { lastEventId, signal })) {
      if (signal.aborted) return;
      await this.#send({ stream, ...event });
    }
  }

  /** Resolves at once unless the reader is slow. */
  #send(event: EventMessage & { readonly stream: string }): Promise<void> | undefined {
    const text = JSON.stringify(event);
    if (this.#socket.bufferedAmount < BUFFERED_BYTES_MAX) {
      this.#socket.send(text);
      return undefined;
    }
    return new Promise((resolve) => this.#socket.send(text, () => resolve()));
  }

  #refuse(stream: string | undefined, error: unknown): void {
    if (this.#socket.bufferedAmount >= BUFFERED_BYTES_MAX) {
      this.#socket.terminate();
      return;
    }
    const known = stream === undefined ? {} : { stream };
    this.#socket.send(JSON.stringify({ ...known, error: toAppError(error).toBody() }));
  }

  #keepAlive(clock: Clock): void {
    this.#timer = clock.schedule(PING_INTERVAL_MS, () => {
      if (!this.#isAlive) {
        this.#socket.terminate();
        return;
      }
      this.#isAlive = false;
      this.#socket.ping();
      this.#keepAlive(clock);
    });
  }

  #close(): void {
    this.#timer?.cancel();
    for (const subscription of this.#subscriptions.values()) subscription.abort();
  }
}

/** @throws VALIDATION_ERROR */
function readRequest(text: string): Request {
  const message: unknown = parseJsonText(text);
  if (typeof message !== 'object' || message === null || Array.isArray(message)) {
    throw invalid('', 'A message must be a JSON object with subscribe or unsubscribe.');
  }
  const { subscribe, unsubscribe, lastEventId, ...others } = message as Record<string, unknown>;
  const [other] = Object.keys(others);
  if (other !== undefined) throw invalid(`/${other}`, `Unknown field ${other}.`);
  const verb = subscribe === undefined ? 'unsubscribe' : 'subscribe';
  const stream = subscribe ?? unsubscribe;
  const isOne = (subscribe === undefined) !== (unsubscribe === undefined);
  if (!isOne || typeof stream !== 'string')
    throw invalid(`/${verb}`, 'Give subscribe or unsubscribe: a taskId or "*".');
  if (lastEventId !== undefined && typeof lastEventId !== 'string') throw invalid('/lastEventId', 'It must be a text.');
  return { verb, stream, lastEventId };
}
