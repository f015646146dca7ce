import { isIP } from 'node:net';
import { type ErrorBody, messageOf, retryDelayMs, sleep, type Timer } from '@millrace/kit';
import { clientError, MillraceApiError } from './errors.ts';
import type { ResolvedOptions } from './options.ts';

/**
 * When a call may be repeated.
 * - `always`: the same call twice does no harm (reads; submissions, whose taskId was chosen before the first attempt).
 * - `refused`: only when the server certainly did nothing: it refused (429, 503) or no connection came about.
 */
export type Repeat = 'always' | 'refused';

export interface RequestInput {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With leading slash and query. */
  readonly path: string;
  /** Sent as JSON, unless `contentType` says that it is text of another kind. */
  readonly body?: unknown;
  readonly contentType?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly repeat: Repeat;
  /** Milliseconds that the server was asked to wait; added to the timeout of the attempt. */
  readonly waitMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** The parsed JSON; `undefined` for an empty body. */
  readonly body: unknown;
}

/** The one way to the server: attempts, delays, errors. */
export interface Transport {
  readonly options: ResolvedOptions;
  /** @throws MillraceApiError, or the signal's reason */
  request(input: RequestInput): Promise<Answer>;
  /** Opens an event stream: one attempt, whose body is left to the caller. */
  open(path: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Response>;
  /** Waits before attempt `attempt + 1` after `error`, or throws it when there is to be none. */
  pause(error: MillraceApiError, attempt: number, signal: AbortSignal | undefined): Promise<void>;
}

/** Statuses by which the server says: not now, and nothing was changed. */
const REFUSALS: ReadonlySet<number> = new Set([429, 503]);
/** Statuses of proxies in front of the server: whether it did anything is unknown. */
const GATEWAY_FAILURES: ReadonlySet<number> = new Set([502, 504]);
/** Causes of a failed `fetch` that mean no request reached the server. */
const NOT_CONNECTED: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
]);

export function createTransport(options: ResolvedOptions): Transport {
  const attemptOnce = async (input: RequestInput): Promise<Answer> => {
    const timeoutMs = options.requestTimeoutMs + (input.waitMs ?? 0);
    const deadline = new AbortController();
    const timer: Timer = options.clock.schedule(timeoutMs, () =>
      deadline.abort(new Error(`no answer within ${timeoutMs} ms`)),
    );
    try {
      const response = await options.fetch(options.baseUrl + input.path, {
        method: input.method,
        headers: { Accept: 'application/json', ...options.headers, ...bodyHeaders(input), ...input.headers },
        signal: input.signal === undefined ? deadline.signal : AbortSignal.any([input.signal, deadline.signal]),
        ...(input.body === undefined ? {} : { body: bodyText(input) }),
      });
      return await readAnswer(response);
    } catch (error) {
      throw callError(options, input.signal, error);
    } finally {
      timer.cancel();
    }
  };

  const pause = async (error: MillraceApiError, attempt: number, signal: AbortSignal | undefined): Promise<void> => {
    const { retries, clock, random } = options;
    const asked = error.retryAfterMs ?? 0;
    if (attempt >= retries.maxAttempts || asked > retries.maxDelayMs) throw countAttempts(error, attempt);
    await sleep(clock, asked + retryDelayMs(retries, attempt, random), signal);
    signal?.throwIfAborted();
  };

  return {
    options,
    pause,
    async request(input) {
      for (let attempt = 1; ; attempt++) {
        input.signal?.throwIfAborted();
        try {
          return await attemptOnce(input);
        } catch (error) {
          if (!(error instanceof MillraceApiError)) throw error;
          if (!mayRepeat(error, input.repeat)) throw countAttempts(error, attempt);
          await pause(error, attempt, input.signal);
        }
      }
    },
    async open(path, headers, signal) {
      try {
        const response = await options.fetch(options.baseUrl + path, {
          headers: { Accept: 'text/event-stream', ...options.headers, ...headers },
          signal,
        });
        if (!response.ok) await readAnswer(response);
        return response;
      } catch (error) {
        throw callError(options, undefined, error);
      }
    },
  };
}

/** Whether another attempt makes sense and does no harm. */
export function mayRepeat(error: MillraceApiError, repeat: Repeat): boolean {
  if (REFUSALS.has(error.status)) return true;
  if (error.status === 0 && error.retryable) return repeat === 'always' || error.details.connected === false;
  return repeat === 'always' && GATEWAY_FAILURES.has(error.status);
}

function bodyHeaders(input: RequestInput): Record<string, string> {
  return input.body === undefined ? {} : { 'Content-Type': input.contentType ?? 'application/json' };
}

function bodyText(input: RequestInput): string {
  return input.contentType === undefined ? JSON.stringify(input.body) : String(input.body);
}

async function readAnswer(response: Response): Promise<Answer> {
  const text = await response.text();
  const body = parseJson(text);
  if (response.ok && (text === '' || body !== undefined)) {
    return { status: response.status, headers: response.headers, body };
  }
  const retryAfterMs = readRetryAfterMs(response.headers);
  const error = (body as { error?: Partial<ErrorBody> } | undefined)?.error;
  if (typeof error?.code === 'string') {
    throw new MillraceApiError({
      code: error.code,
      message: error.message ?? error.code,
      details: error.details ?? {},
      retryable: error.retryable ?? false,
      status: response.status,
      retryAfterMs,
    });
  }
  const bad = clientError('CLIENT_BAD_ANSWER', { url: response.url, httpStatus: response.status });
  const retryable = REFUSALS.has(response.status) || GATEWAY_FAILURES.has(response.status);
  throw new MillraceApiError({
    code: bad.code,
    message: bad.message,
    details: bad.details,
    retryable,
    status: response.status,
    retryAfterMs,
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** `Retry-After` in ms; the HTTP-date form (RFC 9110 §10.2.3) is measured against the answer's own `Date`. */
export function readRetryAfterMs(headers: Headers): number | undefined {
  const value = headers.get('retry-after');
  if (value === null) return undefined;
  if (/^\d+(\.\d+)?$/.test(value)) return Math.ceil(Number(value) * 1000);
  const until = Date.parse(value) - Date.parse(headers.get('date') ?? value);
  return Number.isNaN(until) ? undefined : Math.max(0, until);
}

function callError(options: ResolvedOptions, signal: AbortSignal | undefined, error: unknown): unknown {
  if (error instanceof MillraceApiError) return error;
  if (signal?.aborted === true) return signal.reason;
  const code = causeCode(error);
  const reason = code === undefined ? messageOf(error) : `${code}${hintOf(options.baseUrl, code)}`;
  const connected = code === undefined || !NOT_CONNECTED.has(code);
  return clientError('CLIENT_UNREACHABLE', { url: options.baseUrl, attempts: 1, reason, connected }, error);
}

function hintOf(url: string, code: string): string {
  const host = URL.parse(url)?.hostname ?? '';
  return code === 'ENOTFOUND' && isIP(host) === 0 ? ` (no address for ${host})` : '';
}

function causeCode(error: unknown): string | undefined {
  const cause = (error as { cause?: { code?: unknown; errors?: readonly { code?: unknown }[] } } | undefined)?.cause;
  const code = cause?.code ?? cause?.errors?.[0]?.code;
  return typeof code === 'string' ? code : undefined;
}

function countAttempts(error: MillraceApiError, attempts: number): MillraceApiError {
  if (error.code !== 'CLIENT_UNREACHABLE' || attempts === 1) return error;
  return clientError('CLIENT_UNREACHABLE', { ...error.details, attempts }, error.cause);
}
