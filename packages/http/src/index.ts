export { hasScope, type Principal } from './authenticator.ts';
export { type BatchBody, type BatchItemInput, parseLines, registerBatchRoutes } from './batch-body.ts';
export { toHttpError } from './error-handler.ts';
export { HTTP_ERRORS } from './errors.ts';
export {
  EVENT_STREAM_BUFFER_BYTES_MAX,
  type EventStream,
  type EventStreamOptions,
  HEARTBEAT_INTERVAL_MS,
  openEventStream,
  type ServerEvent,
} from './event-stream.ts';
export {
  HEALTH_CHECK_TIMEOUT_MS,
  type HealthCheck,
  type HealthCheckResult,
  type HealthStatus,
} from './health-monitor.ts';
export type { HttpApp, HttpContext, HttpReply, HttpRequest, RouteRegistration } from './http-app.ts';
export { createHttpServer, type HttpServer } from './http-server.ts';
export { parseJson, parseJsonText } from './json-body.ts';
export { createMetrics, type Metrics } from './metrics.ts';
export { ErrorSchema } from './openapi.ts';
export * from './options.ts';
export { CORRELATION_HEADER } from './request-guard.ts';
export { assertSafeBinding, isAuthConfigured, isLoopback } from './safe-binding.ts';
export type { ValidationIssue } from './validation.ts';
