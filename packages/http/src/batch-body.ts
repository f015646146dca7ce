import type { IncomingMessage } from 'node:http';
import { type AppError, toAppError } from '@millrace/kit';
import type { FastifyRequest } from 'fastify';
import secureJson from 'secure-json-parse';
import { decodeBody } from './body-decoder.ts';
import { fail } from './errors.ts';
import type { HttpApp, RouteRegistration } from './http-app.ts';
import { decodeUtf8, isTooDeep, parseJson } from './json-body.ts';
import { BATCH_ITEMS_MAX, BODY_LIMIT_BYTES, JSON_DEPTH_MAX } from './options.ts';
import { validatorCompiler } from './validation.ts';

const NEWLINE = 0x0a;
const CONTENT_TYPES = ['application/x-ndjson', 'application/ndjson', 'application/json'];

/** One item of a batch: its value, or why it could not be read. `line` (from 1) is there for NDJSON only. */
export type BatchItemInput =
  | { readonly value: unknown; readonly line?: number }
  | { readonly error: AppError; readonly line?: number };

/** `request.body` in a batch route. */
export type BatchBody = readonly BatchItemInput[];

/**
 * Registers routes whose body is a batch: an array (`application/json`) or a line per item (`application/x-ndjson`),
 * plain or encoded with gzip, deflate, br or zstd. `request.body` is a `BatchBody`; a schema's `body` only documents.
 * A bad line stands in the batch as its error. The whole is refused with PAYLOAD_TOO_LARGE, TOO_MANY_ITEMS,
 * UNSUPPORTED_ENCODING, or VALIDATION_ERROR when it is no array.
 */
export function registerBatchRoutes(app: HttpApp, routes: RouteRegistration): void {
  app.register(async (scope) => {
    const limitBytes = app.millrace.batchBodyLimitBytes;
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(CONTENT_TYPES, (request: FastifyRequest, payload: IncomingMessage) =>
      parseBatchBody(request, payload, limitBytes),
    );
    scope.setValidatorCompiler((route) =>
      route.httpPart === 'body' ? (value: unknown) => ({ value }) : validatorCompiler(route as never),
    );
    await routes(scope as HttpApp);
  });
}

async function parseBatchBody(
  request: FastifyRequest,
  payload: IncomingMessage,
  limitBytes: number,
): Promise<BatchBody> {
  if (Number(request.headers['content-length']) > limitBytes) {
    throw fail('PAYLOAD_TOO_LARGE', { details: { limitBytes } });
  }
  const chunks = decodeBody(payload, { encoding: request.headers['content-encoding'], limitBytes });
  const isJson = /^application\/json\b/i.test(request.headers['content-type'] ?? '');
  return isJson ? parseArray(chunks) : parseLines(chunks);
}

/** Reads items line by line while the body arrives. @throws TOO_MANY_ITEMS, PAYLOAD_TOO_LARGE */
export async function parseLines(chunks: AsyncIterable<Buffer>): Promise<BatchBody> {
  const items: BatchItemInput[] = [];
  let line = 0;
  let rest: Buffer[] = [];
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      rest.push(chunk.subarray(start, end));
      addLine(items, rest, ++line);
      rest = [];
      start = end + 1;
    }
    if (start < chunk.length) rest.push(chunk.subarray(start));
  }
  if (rest.length > 0) addLine(items, rest, ++line);
  return items;
}

function addLine(items: BatchItemInput[], parts: readonly Buffer[], line: number): void {
  const bytes = parts.length === 1 ? parts[0] : Buffer.concat(parts);
  if (bytes === undefined || isBlank(bytes)) return;
  assertRoom(items);
  try {
    if (bytes.length > BODY_LIMIT_BYTES) {
      throw fail('PAYLOAD_TOO_LARGE', { details: { limitBytes: BODY_LIMIT_BYTES } });
    }
    items.push({ value: parseJson(bytes), line });
  } catch (error) {
    items.push({ error: toAppError(error), line });
  }
}

/** Reads an array whole. @throws VALIDATION_ERROR, TOO_MANY_ITEMS, PAYLOAD_TOO_LARGE */
async function parseArray(chunks: AsyncIterable<Buffer>): Promise<BatchBody> {
  const parts: Buffer[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  const text = decodeUtf8(Buffer.concat(parts));
  const values = parseArrayText(text);
  // Only texts that look dangerous are looked at item by item, so that one bad item fails alone and the rest is fast.
  const isSuspect = /__proto__|constructor|\\u00/i.test(text) || isTooDeep(text, JSON_DEPTH_MAX + 1);
  return values.map((value) => (isSuspect ? examine(value) : { value }));
}

function parseArrayText(text: string): readonly unknown[] {
  const values = parseUnchecked(text);
  if (!Array.isArray(values)) {
    throw fail('VALIDATION_ERROR', { details: { pointer: '', reason: 'a batch must be an array' } });
  }
  if (values.length > BATCH_ITEMS_MAX) throw fail('TOO_MANY_ITEMS', { details: { limit: BATCH_ITEMS_MAX } });
  return values;
}

function parseUnchecked(text: string): unknown {
  try {
    return secureJson.parse(text, { protoAction: 'ignore', constructorAction: 'ignore' });
  } catch (error) {
    const reason = `not JSON: ${error instanceof Error ? error.message : String(error)}`;
    throw fail('VALIDATION_ERROR', { details: { pointer: '', reason }, cause: error });
  }
}

function examine(value: unknown): BatchItemInput {
  if (value === null || typeof value !== 'object') return { value };
  if (depthOf(value) > JSON_DEPTH_MAX) return { error: refused(`nested deeper than ${JSON_DEPTH_MAX} levels`) };
  try {
    secureJson.scan(value as Record<string, unknown>);
    return { value };
  } catch {
    return { error: refused('it holds a key that reaches for a prototype') };
  }
}

/** Levels of nesting, found level by level: recursion would end at the stack that it is to protect. */
function depthOf(value: object): number {
  let depth = 0;
  for (let level: object[] = [value]; level.length > 0 && depth <= JSON_DEPTH_MAX; depth++) {
    level = level.flatMap((node) => Object.values(node).filter(isObject));
  }
  return depth;
}

function isObject(value: unknown): value is object {
  return value !== null && typeof value === 'object';
}

function assertRoom(items: readonly BatchItemInput[]): void {
  if (items.length >= BATCH_ITEMS_MAX) throw fail('TOO_MANY_ITEMS', { details: { limit: BATCH_ITEMS_MAX } });
}

function refused(reason: string): AppError {
  return fail('VALIDATION_ERROR', { details: { pointer: '', reason } });
}

function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}
