import { type ErrorBody, type ErrorDetails, type ErrorTable, errorFactory } from '@millrace/kit';

/** Errors that the client itself finds; all others carry the server's own code. Their `status` is 0: nobody answered. */
export const CLIENT_ERRORS = {
  CLIENT_UNREACHABLE: {
    message: 'No answer from {url} after {attempts} attempts: {reason}.',
    status: 0,
    retryable: true,
  },
  CLIENT_BAD_ANSWER: {
    message: '{url} answered {httpStatus} with something that is not an answer of Millrace.',
    status: 0,
    retryable: false,
  },
  CLIENT_ITEM_TOO_LARGE: {
    message: 'The item has {bytes} bytes; a batch takes up to {limit}. It was not sent.',
    status: 0,
    retryable: false,
  },
  CLIENT_INVALID_OPTION: {
    message: '{problem}',
    status: 0,
    retryable: false,
  },
} as const satisfies ErrorTable;

export type ClientErrorCode = keyof typeof CLIENT_ERRORS;

export interface ApiErrorInit extends ErrorBody {
  readonly status: number;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** Whatever a call to Millrace may fail with, other than the abort of its own signal (which throws the signal's reason). */
export class MillraceApiError extends Error {
  override readonly name = 'MillraceApiError';
  /** The server's code, or one of `CLIENT_ERRORS`. */
  readonly code: string;
  /** The HTTP status; 0 when no answer came or none was asked for. */
  readonly status: number;
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;
  readonly details: ErrorDetails;
  /** What the server's `Retry-After` asked for, in ms. */
  readonly retryAfterMs: number | undefined;

  constructor(init: ApiErrorInit) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause });
    this.code = init.code;
    this.status = init.status;
    this.retryable = init.retryable;
    this.details = init.details;
    this.retryAfterMs = init.retryAfterMs;
  }
}

const fail = errorFactory(CLIENT_ERRORS);

/** The body of an error that the client itself found. */
export function clientErrorBody(code: ClientErrorCode, details: ErrorDetails): ErrorBody {
  return fail(code, { details }).toBody();
}

/** An error that the client itself found. */
export function clientError(code: ClientErrorCode, details: ErrorDetails, cause?: unknown): MillraceApiError {
  return new MillraceApiError({ ...clientErrorBody(code, details), status: 0, cause });
}
