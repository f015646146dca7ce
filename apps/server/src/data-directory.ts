import { mkdirSync } from 'node:fs';
import { messageOf } from '@millrace/kit';
import { serverError } from './errors.ts';

/** Only the owner may look inside: payloads and results are in there. */
const MODE = 0o700;

/**
 * Creates the data directory with mode 0700; one that exists keeps the mode that its owner gave it. Its lock belongs
 * to the store.
 *
 * @throws DATA_DIRECTORY_UNUSABLE
 */
export function prepareDataDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: MODE });
  } catch (error) {
    throw serverError('DATA_DIRECTORY_UNUSABLE', { details: { directory, reason: messageOf(error) }, cause: error });
  }
}
