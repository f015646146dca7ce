import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Clock, Timer } from '@millrace/kit';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { HttpContext } from './http-app.ts';
import { CountedResponse } from './http-metrics.ts';

/** Proxies cut connections that say nothing; browsers do not notice dead ones. */
export const HEARTBEAT_INTERVAL_MS = 15_000;
/** Bytes that may wait for a slow reader before events are refused. */
export const EVENT_STREAM_BUFFER_BYTES_MAX = 1024 * 1024;
/** What a browser waits before it connects again. */
const RECONNECT_DELAY_MS = 2_000;

/** One server-sent event. */
export interface ServerEvent {
  readonly id?: string | undefined;
  readonly event?: string | undefined;
  /** Sent as JSON. */
  readonly data: unknown;
}

export interface EventStreamOptions {
  /** Default `EVENT_STREAM_BUFFER_BYTES_MAX`. */
  readonly bufferBytesMax?: number;
  /** Called once when the reader is too slow, so that the producer can close or start over with a snapshot. */
  readonly onOverflow?: (stream: EventStream) => void;
}

/** An open answer of server-sent events (WHATWG HTML §9.2). */
export interface EventStream {
  /** Aborts when the client has gone, when the stream is closed, and when the server stops. */
  readonly signal: AbortSignal;
  /** The event after which the client wants to go on. */
  readonly lastEventId: string | undefined;
  /** False when the event was not taken: the stream is closed, or the reader too slow. */
  send(event: ServerEvent): boolean;
  /** Resolves when what has been sent has left the buffer, or the stream has ended. Wait for it to go at the reader's pace. */
  drained(): Promise<void>;
  /** Ends the answer. Any number of times. */
  close(): void;
}

/**
 * Answers a request with server-sent events: never compressed, never cached, with a comment every 15 s. The route's
 * handler must return nothing after it (or `reply`), because the answer is no longer Fastify's.
 */
export function openEventStream(
  request: FastifyRequest,
  reply: FastifyReply,
  options: EventStreamOptions = {},
): EventStream {
  const context: HttpContext = request.server.millrace;
  const { raw } = reply;
  reply.hijack();
  raw.writeHead(200, {
    ...(reply.getHeaders() as OutgoingHttpHeaders),
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
  });
  if (raw instanceof CountedResponse) raw.settle();
  const stream = new ResponseEventStream({
    ...options,
    raw,
    clock: context.clock,
    lastEventId: lastEventIdOf(request),
  });
  if (request.method === 'HEAD' || context.isStopping()) {
    stream.close();
    return stream;
  }
  raw.write(`retry: ${RECONNECT_DELAY_MS}\n\n`);
  context.eventStreams.add(stream);
  stream.signal.addEventListener('abort', () => context.eventStreams.delete(stream), { once: true });
  return stream;
}

interface StreamParts extends EventStreamOptions {
  readonly raw: ServerResponse;
  readonly clock: Clock;
  readonly lastEventId: string | undefined;
}

class ResponseEventStream implements EventStream {
  readonly lastEventId: string | undefined;
  readonly #raw: ServerResponse;
  readonly #clock: Clock;
  readonly #bufferBytesMax: number;
  readonly #abort = new AbortController();
  #onOverflow: ((stream: EventStream) => void) | undefined;
  #heartbeat: Timer;

  constructor(parts: StreamParts) {
    this.#raw = parts.raw;
    this.#clock = parts.clock;
    this.#bufferBytesMax = parts.bufferBytesMax ?? EVENT_STREAM_BUFFER_BYTES_MAX;
    this.#onOverflow = parts.onOverflow;
    this.lastEventId = parts.lastEventId;
    this.#heartbeat = this.#scheduleHeartbeat();
    this.#raw.once('close', () => this.#end());
    this.#raw.once('error', () => this.#end());
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  send(event: ServerEvent): boolean {
    if (this.signal.aborted) return false;
    if (this.#raw.writableLength >= this.#bufferBytesMax) {
      const onOverflow = this.#onOverflow;
      this.#onOverflow = undefined;
      onOverflow?.(this);
      return false;
    }
    this.#raw.write(toFrame(event));
    return true;
  }

  drained(): Promise<void> {
    if (this.signal.aborted || !this.#raw.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        this.#raw.removeListener('drain', done);
        this.signal.removeEventListener('abort', done);
        resolve();
      };
      this.#raw.once('drain', done);
      this.signal.addEventListener('abort', done, { once: true });
    });
  }

  close(): void {
    if (!this.#raw.writableEnded) this.#raw.end();
    this.#end();
  }

  #end(): void {
    this.#heartbeat.cancel();
    this.#abort.abort();
  }

  #scheduleHeartbeat(): Timer {
    return this.#clock.schedule(HEARTBEAT_INTERVAL_MS, () => {
      if (this.signal.aborted) return;
      if (!this.#raw.writableNeedDrain) this.#raw.write(': heartbeat\n\n');
      this.#heartbeat = this.#scheduleHeartbeat();
    });
  }
}

/** JSON holds no raw line breaks, so that `data` is always one line. */
function toFrame({ id, event, data }: ServerEvent): string {
  const head = `${id === undefined ? '' : `id: ${singleLine(id)}\n`}${event === undefined ? '' : `event: ${singleLine(event)}\n`}`;
  return `${head}data: ${JSON.stringify(data) ?? 'null'}\n\n`;
}

function singleLine(text: string): string {
  return text.replace(/[\r\n\0]/g, ' ');
}

function lastEventIdOf(request: FastifyRequest): string | undefined {
  const id = request.headers['last-event-id'];
  return typeof id === 'string' && id !== '' ? id : undefined;
}
