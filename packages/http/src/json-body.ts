import { isUtf8 } from 'node:buffer';
import { type AppError, messageOf } from '@millrace/kit';
import type { FastifyRequest } from 'fastify';
import secureJson from 'secure-json-parse';
import { fail } from './errors.ts';
import { JSON_DEPTH_MAX } from './options.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

type Done = (error: Error | null, body?: unknown) => void;

/** Fastify's parser of `application/json`. An empty body is no body; routes with a schema refuse it there. */
export function parseJsonBody(request: FastifyRequest, body: Buffer, done: Done): void {
  const encoding = request.raw.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    done(fail('UNSUPPORTED_ENCODING', { details: { encoding, accepted: 'an unencoded body' } }));
    return;
  }
  if (body.length === 0) {
    done(null, undefined);
    return;
  }
  try {
    done(null, parseJson(body));
  } catch (error) {
    done(error as AppError);
  }
}

/**
 * Parses JSON from outside: valid UTF-8, at most `JSON_DEPTH_MAX` levels, no keys that reach for a prototype.
 *
 * @throws VALIDATION_ERROR with `details.reason`
 */
export function parseJson(bytes: Buffer): unknown {
  return parseJsonText(decodeUtf8(bytes));
}

/** As `parseJson`, for text that has been decoded. @throws VALIDATION_ERROR */
export function parseJsonText(text: string): unknown {
  if (isTooDeep(text)) throw invalid(`nested deeper than ${JSON_DEPTH_MAX} levels`);
  try {
    return secureJson.parse(text);
  } catch (error) {
    throw invalid(`not JSON that is accepted: ${messageOf(error)}`);
  }
}

/** @throws VALIDATION_ERROR when the bytes are not UTF-8 */
export function decodeUtf8(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw invalid('the body is not valid UTF-8');
  return bytes.toString('utf8');
}

/**
 * Whether brackets nest deeper than the limit: one pass over the text, before anything recursive sees it. Texts too
 * short to hold that many pairs are not looked at, so that small commands pay nothing.
 */
export function isTooDeep(text: string, depthMax = JSON_DEPTH_MAX): boolean {
  if (text.length <= depthMax) return false;
  let depth = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === QUOTE) {
      index = endOfString(text, index);
    } else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      if (++depth > depthMax) return true;
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      depth--;
    }
  }
  return false;
}

/** Index of the quote that closes the string opened at `start`, or the end of the text. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return end;
  }
  return text.length;
}

function invalid(reason: string): AppError {
  return fail('VALIDATION_ERROR', { details: { pointer: '', reason } });
}
