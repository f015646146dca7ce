import { errorFactory } from './app-error.ts';

/** The errors of `@millrace/kit`. */
export const KIT_ERRORS = {
  OVERLOADED: {
    message: 'Too much is waiting already ({pending} of at most {pendingMax}); try again later.',
    status: 503,
    retryable: true,
  },
  CLOSED: { message: '{name} is closed and takes no more work.', status: 503, retryable: true },
  EXTERNAL_SERVICE_ERROR: {
    message: '{name} failed repeatedly and is left alone for a while; try again later.',
    status: 503,
    retryable: true,
  },
} as const;

/** Makes an error of this package. */
export const kitError = errorFactory(KIT_ERRORS);
