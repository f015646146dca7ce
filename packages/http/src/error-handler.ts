import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { AppError, type Logger, toAppError } from '@millrace/kit';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { fail } from './errors.ts';

/** A refused body of at most this size is read and dropped, so that its sender gets to read why; larger ones are cut. */
const DRAIN_BYTES_MAX = 64 * 1024 * 1024;
const MS_PER_SECOND = 1_000;

type FrameworkCodes = Readonly<Record<string, (error: FastifyError) => AppError>>;

/** Errors of Fastify and Node that a client causes. What is in no table and has no 4xx status is our own fault. */
const FRAMEWORK_ERRORS: FrameworkCodes = {
  FST_ERR_CTP_BODY_TOO_LARGE: () => fail('PAYLOAD_TOO_LARGE'),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () => fail('UNSUPPORTED_MEDIA_TYPE'),
  FST_ERR_MAX_PARAM_LENGTH: () => fail('URI_TOO_LONG'),
  HPE_HEADER_OVERFLOW: () => fail('HEADERS_TOO_LARGE'),
  ERR_HTTP_REQUEST_TIMEOUT: () => fail('REQUEST_TIMEOUT'),
};

/** The one mapper from anything thrown to what a caller may see. */
export function toHttpError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (!(error instanceof Error)) return toAppError(error);
  const framework = error as FastifyError;
  const known = FRAMEWORK_ERRORS[framework.code ?? ''];
  if (known !== undefined) return known(framework);
  const status = framework.statusCode;
  if (status === undefined || status < 400 || status > 499) return toAppError(error);
  const spec = { message: error.message, status, retryable: status === 408 || status === 429 };
  return new AppError('BAD_REQUEST', spec, { details: { reason: error.message }, cause: error });
}

/** Fastify's error handler. */
export function createErrorHandler(logger: Logger) {
  return (thrown: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    const error = toHttpError(thrown);
    if (error.code === 'INTERNAL_ERROR') logInternal(logger, error, request);
    if (error.status === 401) reply.header('www-authenticate', 'Bearer realm="millrace"');
    if (typeof error.details.allow === 'string') reply.header('allow', error.details.allow);
    const retryAfter = retryAfterSeconds(error);
    if (retryAfter !== undefined) reply.header('retry-after', retryAfter);
    reply.code(error.status).type('application/json; charset=utf-8');
    const send = () => reply.send(bodyOf(error, request, logger));
    if (error.status < 500 && reply.hasHeader('connection') && isCheapToDrain(request)) drain(request, reply, send);
    else send();
  };
}

/** `Retry-After` in whole seconds, at least one. */
function retryAfterSeconds(error: AppError): number | undefined {
  return error.retryAfterMs === undefined ? undefined : Math.max(1, Math.ceil(error.retryAfterMs / MS_PER_SECOND));
}

function bodyOf(error: AppError, request: FastifyRequest, logger: Logger): Readonly<Record<string, unknown>> {
  const fields = request.routeOptions.config?.errorFields;
  if (fields === undefined) return { error: error.toBody() };
  try {
    return { ...fields(request, error), error: error.toBody() };
  } catch (cause) {
    logger.error('The errorFields of a route failed', { correlationId: request.id, error: cause });
    return { error: error.toBody() };
  }
}

function logInternal(logger: Logger, error: AppError, request: FastifyRequest): void {
  logger.error('A request failed on our side', {
    correlationId: request.id,
    error: error.cause ?? error,
    metadata: { method: request.method, route: request.routeOptions.url ?? 'unmatched' },
  });
}

function isCheapToDrain({ raw }: FastifyRequest): boolean {
  return !raw.readableEnded && !raw.destroyed && Number(raw.headers['content-length']) <= DRAIN_BYTES_MAX;
}

/**
 * Fastify asks to close after a body that it refused. Closing while the client still sends resets the connection,
 * and the answer is lost; where the length is known and not absurd, the rest is read and dropped first.
 */
function drain({ raw }: FastifyRequest, reply: FastifyReply, send: () => void): void {
  reply.removeHeader('connection');
  raw.once('end', send);
  raw.resume();
}

/** Answers what never became a request (broken HTTP, endless headers) in the shape of every other error. */
export function answerClientError(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const known = FRAMEWORK_ERRORS[error.code ?? ''];
  const answer = known?.(error as FastifyError) ?? fail('BAD_REQUEST', { details: { reason: 'it is not valid HTTP' } });
  const body = JSON.stringify({ error: answer.toBody() });
  socket.end(
    `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status] ?? ''}\r\nconnection: close\r\n` +
      `content-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
