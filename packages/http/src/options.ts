import type { Clock, Logger } from '@millrace/kit';
import type { Registry } from 'prom-client';
import type { HealthCheck } from './health-monitor.ts';

/** What a caller may do. `admin` includes the other two; `write` does not include `read`. */
export const SCOPES = ['read', 'write', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

export interface AuthOptions {
  /** The key that opens everything. Default: none. */
  readonly apiKey?: string | undefined;
  /** Header that carries the key. Default `X-API-Key`; `Authorization: Bearer <key>` always works too. */
  readonly apiKeyHeader?: string | undefined;
  /** Secret of HS256 tokens; a token needs `exp` and its scopes in `scope` (space separated) or `scopes`. */
  readonly jwtSecret?: string | undefined;
  /** `iss` that tokens must carry. Default: any. */
  readonly jwtIssuer?: string | undefined;
  /** `aud` that tokens must carry. Default: any. */
  readonly jwtAudience?: string | undefined;
  /** Leaves `/metrics` open for scrapers that cannot send a key. Default false. */
  readonly metricsPublic?: boolean | undefined;
  /** Leaves `/docs` and `/openapi.json` open. Default false. */
  readonly docsPublic?: boolean | undefined;
}

export interface CorsOptions {
  /** Origins of web pages that may call this server, `https://app.example` each, or `*` for all. */
  readonly origins: readonly string[] | '*';
  /** Whether pages may send credentials. Default false; not together with `*`. */
  readonly credentials?: boolean | undefined;
}

export interface RateLimitOptions {
  /** Default false. */
  readonly enabled?: boolean | undefined;
  /** Default 60,000. */
  readonly windowMs?: number | undefined;
  /** Requests in a window per API key or token subject, else per IP address. Default 100. */
  readonly maxRequests?: number | undefined;
}

export interface HttpOptions {
  /** Default `127.0.0.1`. Anything but a loopback address needs `auth`. */
  readonly host?: string | undefined;
  /** Default 3001; 0 takes a free one. */
  readonly port?: number | undefined;
  readonly auth?: AuthOptions | undefined;
  /** Default: no web page of another origin may call. */
  readonly cors?: CorsOptions | undefined;
  /**
   * Names in the Host header beside the loopback names. On a loopback address every other name is refused (DNS
   * rebinding); elsewhere names are checked only when some are given.
   */
  readonly allowedHosts?: readonly string[] | undefined;
  readonly rateLimit?: RateLimitOptions | undefined;
  /** Largest body of an ordinary route, in bytes. Default 1 MiB. */
  readonly bodyLimitBytes?: number | undefined;
  /** Largest body of a batch route once decoded, in bytes. Default 16 MiB. */
  readonly batchBodyLimitBytes?: number | undefined;
  /** Whether `X-Forwarded-*` of a proxy in front is believed. Default false. */
  readonly trustProxy?: boolean | undefined;
  /** Compress answers of 1 KiB and more where a route allows it. Default true. */
  readonly compression?: boolean | undefined;
  /** Name and version that `/health` and the OpenAPI document show. */
  readonly service?: { readonly name: string; readonly version: string } | undefined;
  readonly healthChecks?: readonly HealthCheck[] | undefined;
  /** Asked on every write: ms after which to try again when the process takes no more, else `undefined`. Must be cheap. */
  readonly overloaded?: (() => number | undefined) | undefined;
  /** From `createMetrics()`. Default: a registry of its own. */
  readonly registry?: Registry | undefined;
  /** Where the metrics are; `false` serves none. Default `/metrics`. */
  readonly metricsPath?: string | false | undefined;
  /** Serves `/metrics` on this port of the same host instead of the main one; 0 takes a free one. */
  readonly metricsPort?: number | undefined;
  /** How long `stop` waits for open requests before it cuts them, in ms. Default 5,000. */
  readonly stopGraceMs?: number | undefined;
  readonly logger?: Logger | undefined;
  readonly clock?: Clock | undefined;
}

export const DEFAULT_HOST = '127.0.0.1';
export const DEFAULT_PORT = 3001;
export const BODY_LIMIT_BYTES = 1024 * 1024;
export const BATCH_BODY_LIMIT_BYTES = 16 * 1024 * 1024;
/** Items of one batch, NDJSON or array. */
export const BATCH_ITEMS_MAX = 10_000;
/** Deeper JSON than this is refused before it is parsed. */
export const JSON_DEPTH_MAX = 64;
/** Smaller answers are not worth compressing. */
export const COMPRESSION_THRESHOLD_BYTES = 1024;
/** Largest message that a WebSocket client may send. */
export const WEBSOCKET_PAYLOAD_BYTES_MAX = 64 * 1024;
export const RATE_LIMIT_WINDOW_MS = 60_000;
export const RATE_LIMIT_REQUESTS_MAX = 100;
/** How long a request may take to arrive whole, so that slow senders cannot hold connections for ever. */
export const REQUEST_RECEIVE_TIMEOUT_MS = 120_000;
export const STOP_GRACE_MS = 5_000;
/** What a client is told to wait when this process is stopping. */
export const STOPPING_RETRY_AFTER_MS = 1_000;
/** Longest path parameter, in characters. */
export const PATH_PARAMETER_LENGTH_MAX = 256;
