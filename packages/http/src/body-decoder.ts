import type { Readable, Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import { AppError, messageOf } from '@millrace/kit';
import { fail } from './errors.ts';

const DECODERS: ReadonlyMap<string, () => Transform> = new Map<string, () => Transform>([
  ['gzip', () => createGunzip()],
  ['x-gzip', () => createGunzip()],
  ['deflate', () => createInflate()],
  ['br', () => createBrotliDecompress()],
  ['zstd', () => createZstdDecompress()],
]);

/** Content encodings that batch routes accept. */
export const ACCEPTED_ENCODINGS = 'gzip, deflate, br, zstd';

export interface DecodeOptions {
  /** Value of `Content-Encoding`. */
  readonly encoding: string | undefined;
  /** Decoded bytes after which it stops. */
  readonly limitBytes: number;
}

/**
 * Yields the decoded body and counts while it does so, so that a small body that unpacks to gigabytes costs no more
 * than the limit.
 *
 * @throws PAYLOAD_TOO_LARGE, UNSUPPORTED_ENCODING, VALIDATION_ERROR (not the encoding that it says it is)
 */
export async function* decodeBody(source: Readable, options: DecodeOptions): AsyncGenerator<Buffer> {
  const decoded = openDecoder(source, options.encoding);
  let receivedBytes = 0;
  try {
    // Stopping early must not destroy the request: its connection carries the answer that says why.
    const chunks = decoded.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
    for await (const chunk of chunks) {
      receivedBytes += chunk.length;
      if (receivedBytes > options.limitBytes) {
        throw fail('PAYLOAD_TOO_LARGE', { details: { limitBytes: options.limitBytes } });
      }
      yield chunk;
    }
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw fail('VALIDATION_ERROR', {
      details: { pointer: '', reason: `the body could not be decoded: ${messageOf(error)}` },
      cause: error,
    });
  } finally {
    release(source, decoded);
  }
}

function openDecoder(source: Readable, encoding: string | undefined): Readable {
  const name = encoding?.trim().toLowerCase() ?? 'identity';
  if (name === 'identity' || name === '') return source;
  const create = DECODERS.get(name);
  if (create === undefined) {
    throw fail('UNSUPPORTED_ENCODING', { details: { encoding: name, accepted: ACCEPTED_ENCODINGS } });
  }
  const decoder = create();
  source.once('error', (error) => decoder.destroy(error));
  source.once('aborted', () => decoder.destroy(new Error('the client went away')));
  return source.pipe(decoder);
}

/** Stops decoding; what else the client sends is read and dropped, so that it gets to read our answer. */
function release(source: Readable, decoded: Readable): void {
  if (decoded !== source) {
    source.unpipe();
    decoded.destroy();
  }
  source.resume();
}
