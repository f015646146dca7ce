import { messageOf } from '@millrace/kit';
import { storedError } from './errors.ts';
import type { EndEntry } from './train-load.ts';

const MESSAGE = 'The outcome could not be stored';

/** The end of an attempt whose own could not be stored: a failure that says so. */
export function unstorableEnd(entry: EndEntry, error: unknown): EndEntry {
  const stored = storedError('PROCESSING_ERROR', `${MESSAGE}: ${messageOf(error).slice(0, 200)}`);
  return {
    ...entry,
    ended: {
      ...entry.ended,
      outcome: 'failed',
      status: 'FAILURE',
      deadLettered: 1,
      result: null,
      error: JSON.stringify(stored),
      errorCode: stored.code,
    },
  };
}

/** Whether it is such an end: if even that cannot be stored, nothing can. */
export function isUnstorableEnd({ ended }: EndEntry): boolean {
  return ended.result === null && ended.error?.includes(MESSAGE) === true;
}
