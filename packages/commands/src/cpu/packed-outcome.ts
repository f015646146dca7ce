import { messageOf, PartialResult, partial, Recoverable, RetryAfter, Unrecoverable } from '@millrace/kit';

/** How something ended, in a form that survives structured cloning (which strips errors of class and own fields). */
export type PackedOutcome =
  | { readonly kind: 'returned'; readonly value: unknown }
  | { readonly kind: 'partial'; readonly value: unknown; readonly error: PackedError }
  | { readonly kind: 'threw'; readonly error: PackedError };

export interface PackedError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly code: unknown;
  readonly details: unknown;
  readonly retryAfterMs: unknown;
}

/** Runs something and packs what it returns or throws; never rejects. */
export async function packed(run: () => unknown): Promise<PackedOutcome> {
  try {
    const value = await run();
    if (value instanceof PartialResult) return { kind: 'partial', value: value.result, error: packError(value.error) };
    return { kind: 'returned', value };
  } catch (error) {
    return { kind: 'threw', error: packError(error) };
  }
}

/** @throws what was thrown on the other side, with its class where the engine minds it */
export function unpacked(outcome: PackedOutcome): unknown {
  switch (outcome.kind) {
    case 'returned':
      return outcome.value;
    case 'partial':
      return partial(outcome.value, unpackError(outcome.error));
    case 'threw':
      throw unpackError(outcome.error);
  }
}

/**
 * The same outcome in JSON's terms, for values that structured cloning refuses (functions, proxies): what a handler
 * returns is stored as JSON anyway.
 */
export function asJson(outcome: PackedOutcome): PackedOutcome {
  try {
    return JSON.parse(JSON.stringify(outcome)) as PackedOutcome;
  } catch (error) {
    const message = `The handler returned what JSON cannot carry: ${messageOf(error)}`;
    return { kind: 'threw', error: packError(new Unrecoverable(message)) };
  }
}

function packError(thrown: unknown): PackedError {
  const { name, stack, code, details, retryAfterMs } = Object(thrown) as Partial<PackedError>;
  return {
    name: typeof name === 'string' ? name : 'Error',
    message: messageOf(thrown),
    stack: typeof stack === 'string' ? stack : undefined,
    code: typeof code === 'string' || typeof code === 'number' ? code : undefined,
    details: plainOf(details),
    retryAfterMs: typeof retryAfterMs === 'number' ? retryAfterMs : undefined,
  };
}

/** Details as JSON gives them back; those that it cannot carry are left out. */
function plainOf(details: unknown): unknown {
  if (typeof details !== 'object' || details === null) return undefined;
  try {
    return JSON.parse(JSON.stringify(details)) as unknown;
  } catch {
    return undefined;
  }
}

function unpackError(packedError: PackedError): Error {
  const error = ofItsClass(packedError);
  if (packedError.stack !== undefined) error.stack = packedError.stack;
  return error;
}

function ofItsClass({ name, message, code, details, retryAfterMs }: PackedError): Error {
  const more = { ...(code === undefined ? {} : { code }), ...(details === undefined ? {} : { details }) };
  switch (name) {
    case 'RetryAfter':
      return new RetryAfter(typeof retryAfterMs === 'number' ? retryAfterMs : 0, message);
    case 'Unrecoverable':
      return new Unrecoverable(message, more as ConstructorParameters<typeof Unrecoverable>[1]);
    case 'Recoverable':
      return new Recoverable(message, more as ConstructorParameters<typeof Recoverable>[1]);
    case 'AbortError':
      return new DOMException(message, 'AbortError');
    default:
      return Object.assign(new Error(message), { name, ...more });
  }
}
