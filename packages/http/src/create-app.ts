import fastify, { type FastifyError, type FastifyReply, type FastifyRequest, type RouteOptions } from 'fastify';
import { createRouteCheck, createStrangerCheck, type OnRequest } from './access-control.ts';
import { Authenticator } from './authenticator.ts';
import { answerClientError, createErrorHandler } from './error-handler.ts';
import type { HttpApp, HttpContext } from './http-app.ts';
import { CountedResponse, type HttpMetrics, type RouteCounters, UNMATCHED_ROUTE } from './http-metrics.ts';
import { parseJsonBody } from './json-body.ts';
import { KnownRoutes } from './known-routes.ts';
import {
  BODY_LIMIT_BYTES,
  type HttpOptions,
  PATH_PARAMETER_LENGTH_MAX,
  REQUEST_RECEIVE_TIMEOUT_MS,
} from './options.ts';
import { createGuard, createRequestIds, type Guard } from './request-guard.ts';
import { isAuthConfigured } from './safe-binding.ts';
import { toValidationError, validatorCompiler } from './validation.ts';

export interface AppParts {
  readonly options: HttpOptions;
  readonly host: string;
  readonly context: HttpContext;
  readonly metrics: HttpMetrics;
}

/**
 * A Fastify with what every route of the house shares: errors, strict JSON, the guard, access control and metrics.
 * Everything per route is bound when the route is registered, so that a request looks nothing up.
 */
export function createApp(parts: AppParts): HttpApp {
  const { options, context } = parts;
  const handleError = createErrorHandler(context.logger);
  const app = fastify({
    logger: false,
    http: { ServerResponse: CountedResponse },
    bodyLimit: options.bodyLimitBytes ?? BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_RECEIVE_TIMEOUT_MS,
    trustProxy: options.trustProxy ?? false,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    requestIdHeader: false,
    genReqId: createRequestIds(),
    routerOptions: { maxParamLength: PATH_PARAMETER_LENGTH_MAX },
    clientErrorHandler: answerClientError,
    frameworkErrors: (error: FastifyError, request: FastifyRequest, reply: FastifyReply) =>
      handleError(error, request, reply),
    schemaErrorFormatter: (faults, part) => toValidationError(faults, part),
  }) as unknown as HttpApp;
  app.decorate('millrace', context);
  app.decorateRequest('principal', null);
  app.setErrorHandler(handleError);
  app.setValidatorCompiler(validatorCompiler);
  // Response schemas document; writing by them would drop fields that they do not name.
  app.setSerializerCompiler(() => JSON.stringify);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, parseJsonBody);
  addRouteHooks(app, parts);
  return app;
}

/** A route while it is being registered; `compress` is read by `@fastify/compress`. */
type MutableRoute = RouteOptions & { compress?: boolean };

function addRouteHooks(app: HttpApp, { options, host, context, metrics }: AppParts): void {
  const auth = options.auth ?? {};
  const authenticator = isAuthConfigured(auth) ? new Authenticator(auth, context.clock) : undefined;
  const guard = createGuard({ options, host, isStopping: context.isStopping });
  const knownRoutes = new KnownRoutes();
  app.addHook('onRoute', (registered) => {
    const route = registered as unknown as MutableRoute;
    knownRoutes.add(route);
    const access = authenticator === undefined ? undefined : createRouteCheck(route, authenticator, auth);
    const entry = createEntry({ guard, access, counters: countersOf(route, metrics) });
    route.onRequest = [entry, ...[route.onRequest ?? []].flat()] as OnRequest[];
    const isGet = route.method === 'GET' && route.config?.eventStream !== true;
    if (!(route.config?.compress ?? isGet)) route.compress = false;
  });
  const access = authenticator === undefined ? undefined : createStrangerCheck(authenticator);
  const counters = (method: string) => metrics.countersOf(method, UNMATCHED_ROUTE);
  app.setNotFoundHandler({ preHandler: createEntry({ guard, access, counters }) }, (request, reply) =>
    knownRoutes.refuse(request, reply),
  );
}

interface EntryParts {
  readonly guard: Guard;
  readonly access: OnRequest | undefined;
  readonly counters: (method: string) => RouteCounters;
}

/** Everything that happens before a route, in one hook: each further hook costs a few per cent of a small request. */
function createEntry({ guard, access, counters }: EntryParts): OnRequest {
  return (request, reply, done) => {
    counters(request.method).begin(reply.raw);
    const refusal = guard(request, reply);
    if (refusal !== undefined || access === undefined) done(refusal);
    else access(request, reply, done);
  };
}

function countersOf(route: RouteOptions, metrics: HttpMetrics): (method: string) => RouteCounters {
  const methods = [route.method].flat();
  if (methods.length !== 1) return (method) => metrics.countersOf(method, route.url);
  const only = metrics.countersOf(methods[0] ?? 'GET', route.url);
  return () => only;
}
