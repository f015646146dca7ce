import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction, RouteOptions } from 'fastify';
import { type Authenticator, hasScope, type Principal } from './authenticator.ts';
import { fail } from './errors.ts';
import type { AuthOptions, Scope } from './options.ts';

/** Calls `done` with an error, or with nothing to go on. */
export type OnRequest = (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction) => void;

interface Access {
  readonly authenticator: Authenticator;
  readonly scope: Scope;
  /** The route takes `?access_token=`: a browser's EventSource and WebSocket can send no header. */
  readonly acceptsQueryToken: boolean;
}

/** The check in front of a route, or `undefined` when the route is open. Made once per route: requests look nothing up. */
export function createRouteCheck(
  route: RouteOptions,
  authenticator: Authenticator,
  auth: AuthOptions,
): OnRequest | undefined {
  if (isOpen(route, auth)) return undefined;
  const isRead = [route.method].flat().every((method) => method === 'GET' || method === 'HEAD');
  return createAccessCheck({
    authenticator,
    scope: route.config?.scope ?? (isRead ? 'read' : 'write'),
    acceptsQueryToken: route.config?.eventStream === true,
  });
}

/** The check for requests that no route takes, so that strangers do not learn which routes there are. */
export function createStrangerCheck(authenticator: Authenticator): OnRequest {
  return createAccessCheck({ authenticator, scope: 'read', acceptsQueryToken: false });
}

function createAccessCheck({ authenticator, scope, acceptsQueryToken }: Access): OnRequest {
  return (request, _reply, done) => {
    const settle = (principal: Principal) => {
      request.principal = principal;
      done(hasScope(principal, scope) ? undefined : fail('FORBIDDEN', { details: { scope } }));
    };
    try {
      const queryToken = acceptsQueryToken ? queryTokenOf(request) : undefined;
      const principal = authenticator.identify({ headers: request.raw.headers, queryToken });
      if (principal instanceof Promise) principal.then(settle, done);
      else settle(principal);
    } catch (error) {
      done(error as Error);
    }
  };
}

function queryTokenOf(request: FastifyRequest): string | undefined {
  const token = (request.query as Record<string, unknown>).access_token;
  return typeof token === 'string' ? token : undefined;
}

function isOpen(route: RouteOptions, auth: AuthOptions): boolean {
  if (route.config?.public === true) return true;
  return auth.docsPublic === true && /^\/(docs(\/|$)|openapi\.json$)/.test(route.url);
}
