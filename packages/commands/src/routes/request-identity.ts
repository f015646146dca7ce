import { createHash } from 'node:crypto';
import { invalid } from '../errors.ts';
import { isTaskId } from '../submission.ts';
import { parseTraceparent } from '../trace.ts';

/** The caller's `traceparent`, unless it is malformed: then the trace starts anew, as the standard asks. */
export function traceOf(header: string | readonly string[] | undefined): string | undefined {
  return typeof header === 'string' && parseTraceparent(header) !== undefined ? header : undefined;
}

/**
 * The submission with the caller's correlation id where it has none of its own.
 *
 * @param header as it came: an id that the edge made up itself tells the command's owner nothing
 */
export function withCorrelation(body: unknown, header: string | readonly string[] | undefined, id: string): unknown {
  if (header === undefined || typeof body !== 'object' || body === null || Array.isArray(body)) return body;
  return (body as { correlationId?: unknown }).correlationId === undefined ? { ...body, correlationId: id } : body;
}

const KEY_CHARACTERS_MAX = 1_000;

/**
 * The submission with a taskId from `Idempotency-Key` where it has none of its own: the key itself where it may be one,
 * else a hash of it, so that the same key always names the same command.
 *
 * @throws VALIDATION_ERROR for an empty or endless key
 */
export function withIdempotencyKey(body: unknown, header: string | readonly string[] | undefined): unknown {
  if (header === undefined || typeof body !== 'object' || body === null || Array.isArray(body)) return body;
  if ((body as { taskId?: unknown }).taskId !== undefined) return body;
  const key = String(header).replace(/^"(.*)"$/, '$1');
  if (key === '' || key.length > KEY_CHARACTERS_MAX) {
    throw invalid('', `Idempotency-Key must have 1 to ${KEY_CHARACTERS_MAX} characters.`);
  }
  const taskId = isTaskId(key) ? key : `key-${createHash('sha256').update(key, 'latin1').digest('base64url')}`;
  return { ...body, taskId };
}
