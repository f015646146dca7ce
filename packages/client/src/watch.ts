import { type CommandEvent, type CommandReset, isTerminal, type Timer } from '@millrace/kit';
import { type EventSourceMessage, EventSourceParserStream } from 'eventsource-parser/stream';
import { clientError, MillraceApiError } from './errors.ts';
import { mayRepeat, type Transport } from './transport.ts';

export type WatchMessage = CommandEvent | CommandReset;

export interface WatchOptions {
  /** Start after this event of the same stream. */
  readonly lastEventId?: string | undefined;
  /** Ends the watch: the iteration throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

export interface WatchDeps {
  readonly transport: Transport;
  /** Whether the command, whose end was just announced, has really ended and not been run again since. */
  readonly isOver: (event: CommandEvent) => Promise<boolean>;
}

/** No message may be longer than a result (1 MiB) with its envelope. */
const MESSAGE_CHARS_MAX = 4 * 1024 * 1024;
/** 204 tells an event source not to come back (HTML Living Standard §9.2). */
const NO_MORE = 204;

/**
 * Follows an event stream for as long as it takes. A connection that breaks, ends or falls silent is opened again
 * after the last event seen; `retries.maxAttempts` connections in a row that bring nothing end the watch with an error.
 * The watch of one command ends after the event that ended it.
 *
 * @param taskId one command, or `undefined` for all of them: that watch never ends by itself
 */
export async function* watchEvents(
  deps: WatchDeps,
  taskId: string | undefined,
  options: WatchOptions = {},
): AsyncGenerator<WatchMessage, void, void> {
  const { transport } = deps;
  let lastEventId = options.lastEventId;
  let failures = 0;
  let ended = false;
  while (!ended) {
    options.signal?.throwIfAborted();
    await using connection = connect(transport, taskId, { ...options, lastEventId });
    let failure = brokenStream(transport);
    try {
      for await (const message of connection.messages()) {
        if (message.id !== undefined) lastEventId = message.id;
        const event = parseMessage(message);
        if (event === undefined) continue;
        ended = announcesEnd(event, taskId);
        yield event;
        if (ended && (event.type === 'reset' || (await deps.isOver(event)))) return;
      }
      if (connection.refusesMore()) return;
    } catch (error) {
      if (options.signal?.aborted === true) throw options.signal.reason;
      if (error instanceof MillraceApiError) failure = error;
      if (!mayRepeat(failure, 'always')) throw failure;
    }
    if (connection.wasAlive()) failures = 0;
    // A stream that closes after an end that was announced has nothing more to say.
    if (!ended) await transport.pause(failure, ++failures, options.signal);
  }
}

interface Connection extends AsyncDisposable {
  messages(): AsyncIterable<EventSourceMessage>;
  /** True when the server said not to come back. */
  refusesMore(): boolean;
  /** True when it sent anything, or stayed open until the silence was too long: such a break is no failure. */
  wasAlive(): boolean;
}

function connect(transport: Transport, taskId: string | undefined, options: WatchOptions): Connection {
  const { clock, watchIdleMs } = transport.options;
  const silence = new AbortController();
  const signal = options.signal === undefined ? silence.signal : AbortSignal.any([options.signal, silence.signal]);
  let timer: Timer | undefined;
  let status = 0;
  let alive = false;
  const listen = (): void => {
    timer?.cancel();
    timer = clock.schedule(watchIdleMs, () => {
      alive ||= status !== 0;
      silence.abort(new Error(`heard nothing for ${watchIdleMs} ms`));
    });
  };
  const hear = (): void => {
    alive = true;
    listen();
  };
  return {
    refusesMore: () => status === NO_MORE,
    wasAlive: () => alive,
    async *messages() {
      listen();
      const path = taskId === undefined ? '/commands/events' : `/commands/${encodeURIComponent(taskId)}/events`;
      const headers = options.lastEventId === undefined ? {} : { 'Last-Event-ID': options.lastEventId };
      const response = await transport.open(path, headers, signal);
      status = response.status;
      if (response.body === null) return;
      const messages = response.body
        .pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
        .pipeThrough(new EventSourceParserStream({ maxBufferSize: MESSAGE_CHARS_MAX, onComment: hear }));
      for await (const message of messages) {
        hear();
        yield message;
      }
    },
    async [Symbol.asyncDispose]() {
      timer?.cancel();
      silence.abort(new Error('the watch is over'));
    },
  };
}

function parseMessage(message: EventSourceMessage): WatchMessage | undefined {
  try {
    const data: unknown = JSON.parse(message.data);
    if (typeof data !== 'object' || data === null) return undefined;
    return { ...(message.event === undefined ? {} : { type: message.event }), ...data } as WatchMessage;
  } catch {
    return undefined;
  }
}

function announcesEnd(event: WatchMessage, taskId: string | undefined): boolean {
  if (taskId === undefined) return false;
  const status = event.type === 'reset' ? (event.snapshot as Partial<CommandEvent> | null)?.status : event.status;
  return status !== undefined && isTerminal(status);
}

function brokenStream(transport: Transport): MillraceApiError {
  return clientError('CLIENT_UNREACHABLE', {
    url: transport.options.baseUrl,
    attempts: transport.options.retries.maxAttempts,
    reason: 'the event stream ended again and again without an event',
  });
}
