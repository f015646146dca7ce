import {
  type Clock,
  foregroundClock,
  type Random,
  type RetryPolicy,
  systemRandom,
  validateRetryPolicy,
} from '@millrace/kit';
import { clientError } from './errors.ts';

export interface ClientOptions {
  /** Where Millrace is, e.g. `http://127.0.0.1:3001`; a path is kept as prefix. */
  readonly url: string;
  /** Sent in `apiKeyHeader`. */
  readonly apiKey?: string | undefined;
  /** Default `X-API-Key`. */
  readonly apiKeyHeader?: string | undefined;
  /** A JWT, sent as `Authorization: Bearer`. */
  readonly token?: string | undefined;
  /** Default: the global `fetch`. */
  readonly fetch?: typeof fetch | undefined;
  /** Default: the system's clock, whose timers keep the process alive while a call waits for its next attempt. */
  readonly clock?: Clock | undefined;
  /** Uniform in [0, 1), for the jitter. */
  readonly random?: Random | undefined;
  /**
   * How calls are repeated: full jitter over an exponential ceiling, on top of the server's `Retry-After`. A
   * `Retry-After` beyond `maxDelayMs` ends the call at once, with its error. Default: 5 attempts, 100 ms, 10,000 ms, ×2.
   */
  readonly retries?: Partial<RetryPolicy> | undefined;
  /** Milliseconds that one attempt may take beyond the wait that it asks the server for. Default 30,000. */
  readonly requestTimeoutMs?: number | undefined;
  /** A watch that hears nothing, not even a comment, for so many ms connects anew. Default 60,000. */
  readonly watchIdleMs?: number | undefined;
  /** Sent with every request, e.g. `traceparent`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** The options with every default filled in. */
export interface ResolvedOptions {
  readonly baseUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly fetch: typeof fetch;
  readonly clock: Clock;
  readonly random: Random;
  readonly retries: RetryPolicy;
  readonly requestTimeoutMs: number;
  readonly watchIdleMs: number;
}

const RETRIES: RetryPolicy = { maxAttempts: 5, initialDelayMs: 100, maxDelayMs: 10_000, factor: 2 };
const REQUEST_TIMEOUT_MS = 30_000;
const WATCH_IDLE_MS = 60_000;

/** Fills in the defaults. @throws CLIENT_INVALID_OPTION */
export function resolveOptions(options: ClientOptions): ResolvedOptions {
  const retries = { ...RETRIES, ...options.retries };
  const [problem] = validateRetryPolicy(retries);
  if (problem !== undefined) throw clientError('CLIENT_INVALID_OPTION', { problem });
  const headers: Record<string, string> = { ...options.headers };
  if (options.apiKey !== undefined) headers[options.apiKeyHeader ?? 'X-API-Key'] = options.apiKey;
  if (options.token !== undefined) headers.Authorization = `Bearer ${options.token}`;
  return {
    baseUrl: parseUrl(options.url),
    headers,
    fetch: options.fetch ?? fetch,
    clock: options.clock ?? foregroundClock,
    random: options.random ?? systemRandom,
    retries,
    requestTimeoutMs: options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS,
    watchIdleMs: options.watchIdleMs ?? WATCH_IDLE_MS,
  };
}

function parseUrl(url: string): string {
  const parsed = URL.parse(url);
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
    throw clientError('CLIENT_INVALID_OPTION', { problem: `url must be an http(s) URL, not "${url}".` });
  }
  return parsed.href.replace(/\/+$/, '');
}
