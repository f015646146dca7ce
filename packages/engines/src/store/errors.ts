import { errorFactory } from '@millrace/kit';

/** Errors of the store port. */
export const STORE_ERRORS = {
  STORE_FULL: {
    message: 'The disk (or the size limit) of the store is reached: nothing was changed. Free space, then try again.',
    status: 503,
    retryable: true,
  },
  STORE_UNAVAILABLE: {
    message: 'The store does not answer ({reason}): nothing was changed.',
    status: 503,
    retryable: true,
  },
  STORE_OVERLOADED: {
    message: 'More than {limit} writes wait for the store: try again a little later.',
    status: 503,
    retryable: true,
  },
  STORE_LOCKED: {
    message:
      'Another Millrace process uses the data directory {directory}. Stop it, or start this one with another --data directory.',
    status: 503,
    retryable: false,
  },
  STORE_NEWER: {
    message:
      'The store was written by a newer version ({found} is not known here). Start that version, or restore a backup.',
    status: 503,
    retryable: false,
  },
} as const;

export const storeError = errorFactory(STORE_ERRORS);
