import { type ErrorTable, errorFactory } from '@millrace/kit';

/** What this package throws itself; a command's own failures are `Recoverable`, `Unrecoverable` and `RetryAfter`. */
export const ASSISTANT_ERRORS = {
  ASSISTANT_OPTIONS_INVALID: { message: '{problem}', status: 500, retryable: false },
} as const satisfies ErrorTable;

export const fail = errorFactory(ASSISTANT_ERRORS);
