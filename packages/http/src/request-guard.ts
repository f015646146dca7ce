import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { fail } from './errors.ts';
import { type HttpOptions, STOPPING_RETRY_AFTER_MS } from './options.ts';
import { isAuthConfigured, isLoopback } from './safe-binding.ts';

export const CORRELATION_HEADER = 'x-correlation-id';
/** Longest correlation id that is taken over from a caller, in characters. */
const CORRELATION_ID = /^[\w.:/+=@-]{1,128}$/;
const ID_PREFIX_BYTES = 8;
const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]'];

/**
 * Makes the id of a request: the caller's correlation id where it is harmless, else a new one: 64 random bits of this
 * process and a number, which is unique and costs less than random bits per request.
 */
export function createRequestIds(): (request: IncomingMessage) => string {
  const prefix = randomBytes(ID_PREFIX_BYTES).toString('hex');
  let count = 0;
  return (request) => {
    const given = request.headers[CORRELATION_HEADER];
    return typeof given === 'string' && CORRELATION_ID.test(given) ? given : `${prefix}-${(++count).toString(36)}`;
  };
}

export interface GuardOptions {
  readonly options: HttpOptions;
  readonly host: string;
  readonly isStopping: () => boolean;
}

/** Says why a request is refused, or `undefined`. */
export type Guard = (request: FastifyRequest, reply: FastifyReply) => Error | undefined;

/**
 * The first look at every request, synchronous and cheap: the Host header, the page that it comes from, and whether
 * writes are taken at all.
 */
export function createGuard({ options, host, isStopping }: GuardOptions): Guard {
  const isHostAllowed = createHostCheck(host, options.allowedHosts ?? []);
  const isOriginAllowed = createOriginCheck(options);
  const { overloaded } = options;
  return (request, reply) => {
    const { method, headers } = request.raw;
    reply.header(CORRELATION_HEADER, request.id);
    if (isHostAllowed !== undefined && !isHostAllowed(headers.host)) {
      return fail('HOST_NOT_ALLOWED', { details: { host: headers.host ?? '' } });
    }
    const isRead = method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
    if (headers.origin !== undefined && (!isRead || headers.upgrade !== undefined) && !isOriginAllowed(headers)) {
      return fail('ORIGIN_NOT_ALLOWED', { details: { origin: headers.origin } });
    }
    return isRead ? undefined : refuseWrite(request, reply);
  };

  function refuseWrite(request: FastifyRequest, reply: FastifyReply): Error | undefined {
    if (request.routeOptions.config?.alwaysAccept === true) return undefined;
    const stopping = isStopping();
    const retryAfterMs = stopping ? STOPPING_RETRY_AFTER_MS : overloaded?.();
    if (retryAfterMs === undefined) return undefined;
    if (!stopping) return fail('SERVICE_OVERLOADED', { retryAfterMs });
    reply.header('connection', 'close');
    return fail('SERVICE_STOPPING', { retryAfterMs });
  }
}

/**
 * A page that points its own name at 127.0.0.1 (DNS rebinding) is told by the Host header that its browser sends.
 * `undefined` when any name will do.
 */
function createHostCheck(
  host: string,
  names: readonly string[],
): ((header: string | undefined) => boolean) | undefined {
  if (!isLoopback(host) && names.length === 0) return undefined;
  const allowed = new Set(
    [...LOOPBACK_NAMES, bracketed(host), ...names.map(bracketed)].map((name) => name.toLowerCase()),
  );
  return (header) => header !== undefined && allowed.has(hostnameOf(header));
}

function hostnameOf(header: string): string {
  const end = header.startsWith('[') ? header.indexOf(']') + 1 : header.indexOf(':');
  return (end <= 0 ? header : header.slice(0, end)).toLowerCase();
}

function bracketed(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}

/**
 * Where no credentials are asked for, any web page could post to a laptop's server or open a WebSocket to it: browsers
 * say which page it is, and CORS does not cover either. With credentials there is nothing that a page could borrow.
 */
function createOriginCheck(options: HttpOptions): (headers: IncomingMessage['headers']) => boolean {
  const origins = options.cors?.origins ?? [];
  if (isAuthConfigured(options.auth) || origins === '*') return () => true;
  return ({ origin, host }) =>
    origin === `http://${host}` || origin === `https://${host}` || (origin !== undefined && origins.includes(origin));
}
