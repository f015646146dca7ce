import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { AppError, Clock, Logger } from '@millrace/kit';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import type { Principal } from './authenticator.ts';
import type { Scope } from './options.ts';

/** Fastify as rooms see it: bodies, queries and params are typed by the TypeBox schemas of the route. */
export type HttpApp = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;
export type HttpRequest = FastifyRequest;
export type HttpReply = FastifyReply;

/** Adds routes to the server; runs in a scope of its own. */
export type RouteRegistration = (app: HttpApp) => void | Promise<void>;

/** What the helpers of this package need from the server that a request came in by. */
export interface HttpContext {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly batchBodyLimitBytes: number;
  /** Event streams that are open; the server closes them when it stops. */
  readonly eventStreams: Set<{ close(): void }>;
  /** True once the intake has been stopped. */
  readonly isStopping: () => boolean;
}

declare module 'fastify' {
  interface FastifyInstance {
    readonly millrace: HttpContext;
  }
  interface FastifyRequest {
    /** Who is calling, or `null` on open routes and where no authentication is configured. */
    principal: Principal | null;
  }
  interface FastifyContextConfig {
    /** Scope that the route needs. Default: `read` for GET and HEAD, else `write`. */
    readonly scope?: Scope;
    /** Open to everyone, whatever is configured. Default false. */
    readonly public?: boolean;
    /** Compress large answers. Default: true for GET, false otherwise, because it costs every request a little. */
    readonly compress?: boolean;
    /** The route answers with events or a WebSocket, so that `?access_token=` is accepted (browsers can send no header). */
    readonly eventStream?: boolean;
    /** A write that is still taken while the process stops or is overloaded (a cancellation). Default false. */
    readonly alwaysAccept?: boolean;
    /** Fields beside `error` in the body of an error: what a contract promises there. Must not throw. */
    readonly errorFields?: (request: FastifyRequest, error: AppError) => Readonly<Record<string, unknown>>;
  }
}
