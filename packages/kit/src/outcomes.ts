import type { AppErrorOptions } from './app-error.ts';

/** Thrown by a handler: try again after `retryAfterMs`; burns no attempt and pauses the command's key until then. */
export class RetryAfter extends Error {
  override readonly name = 'RetryAfter';
  readonly retryAfterMs: number;

  constructor(retryAfterMs: number, message = `Asked to be tried again after ${retryAfterMs} ms.`) {
    super(message);
    this.retryAfterMs = Math.max(0, retryAfterMs);
  }
}

/** Codes that a handler may give its failure; others become PROCESSING_ERROR. */
export const FAILURE_CODES = [
  'VALIDATION_ERROR',
  'PROCESSING_ERROR',
  'TIMEOUT_ERROR',
  'RESOURCE_ERROR',
  'EXTERNAL_SERVICE_ERROR',
] as const;
export type FailureCode = (typeof FAILURE_CODES)[number];

export interface FailureOptions extends Pick<AppErrorOptions, 'details' | 'cause'> {
  readonly code?: FailureCode;
}

/** Thrown by a handler: this will never work, do not try again. */
export class Unrecoverable extends Error {
  override readonly name = 'Unrecoverable';
  readonly code: FailureCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(message: string, options: FailureOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code ?? 'PROCESSING_ERROR';
    this.details = options.details ?? {};
  }
}

/** Thrown by a handler: failed for now, with a code and details of its own; retried by the type's policy. */
export class Recoverable extends Error {
  override readonly name = 'Recoverable';
  readonly code: FailureCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(message: string, options: FailureOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code ?? 'PROCESSING_ERROR';
    this.details = options.details ?? {};
  }
}

/** What `partial` makes; the engine recognises it as a PARTIAL_SUCCESS. */
export class PartialResult<TResult = unknown> {
  readonly result: TResult;
  readonly error: Error;

  constructor(result: TResult, error: Error) {
    this.result = result;
    this.error = error;
  }
}

/** Returned by a handler that did some of its work: the command ends PARTIAL_SUCCESS with both. */
export function partial<TResult>(result: TResult, error: Error | string): PartialResult<TResult> {
  return new PartialResult(result, typeof error === 'string' ? new Error(error) : error);
}
