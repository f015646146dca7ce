import compress from '@fastify/compress';
import cors from '@fastify/cors';
import rateLimit from '@fastify/rate-limit';
import websocket from '@fastify/websocket';
import type { FastifyRequest } from 'fastify';
import { fail } from './errors.ts';
import type { HttpApp, RouteRegistration } from './http-app.ts';
import {
  COMPRESSION_THRESHOLD_BYTES,
  type CorsOptions,
  type HttpOptions,
  RATE_LIMIT_REQUESTS_MAX,
  RATE_LIMIT_WINDOW_MS,
  type RateLimitOptions,
  WEBSOCKET_PAYLOAD_BYTES_MAX,
} from './options.ts';
import { CORRELATION_HEADER } from './request-guard.ts';

const PREFLIGHT_CACHE_SECONDS = 600;

/** Adds what is switched on by settings; what is off costs nothing. */
export async function registerFeatures(app: HttpApp, options: HttpOptions): Promise<void> {
  if (options.cors !== undefined) await registerCors(app, options.cors);
  if (options.rateLimit?.enabled === true) await registerRateLimit(app, options.rateLimit);
  if (options.compression !== false) {
    await app.register(compress, { threshold: COMPRESSION_THRESHOLD_BYTES, globalDecompression: false });
  }
}

/**
 * Registers WebSocket routes (`app.get(path, { websocket: true }, (socket, request) => …)`) in one scope of their own:
 * the plugin puts a hook before every route that it sees, and must be there once only.
 */
export function registerWebSocketRoutes(app: HttpApp, routes: readonly RouteRegistration[]): void {
  if (routes.length === 0) return;
  app.register(async (scope) => {
    await scope.register(websocket, { options: { maxPayload: WEBSOCKET_PAYLOAD_BYTES_MAX } });
    for (const register of routes) scope.register(async (inner) => register(inner as HttpApp));
  });
}

async function registerCors(app: HttpApp, { origins, credentials = false }: CorsOptions): Promise<void> {
  await app.register(cors, {
    origin: origins === '*' ? '*' : [...origins],
    credentials: credentials && origins !== '*',
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposedHeaders: [CORRELATION_HEADER, 'location', 'retry-after', 'idempotent-replay'],
    maxAge: PREFLIGHT_CACHE_SECONDS,
  });
}

/** Counts after authentication, so that a made-up key is no way around the limit of an address. */
async function registerRateLimit(app: HttpApp, options: RateLimitOptions): Promise<void> {
  const windowMs = options.windowMs ?? RATE_LIMIT_WINDOW_MS;
  const limit = options.maxRequests ?? RATE_LIMIT_REQUESTS_MAX;
  await app.register(rateLimit, {
    max: limit,
    timeWindow: windowMs,
    keyGenerator: (request: FastifyRequest) =>
      request.principal === null ? `ip:${request.ip}` : `${request.principal.kind}:${request.principal.id}`,
    allowList: (request: FastifyRequest) => request.routeOptions.config?.public === true,
    errorResponseBuilder: (_request: FastifyRequest, state: { readonly ttl: number }) =>
      fail('RATE_LIMITED', { details: { limit, windowMs }, retryAfterMs: state.ttl }),
  });
}
