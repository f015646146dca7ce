import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { messageOf } from '@millrace/kit';
import { serverError } from './errors.ts';

/** Only the owner may look inside: payloads and results are in there. */
const MODE = 0o700;
const OTHERS = 0o077;

/**
 * Creates the data directory with mode 0700, and takes rights away from others when it was there already. Its lock
 * belongs to the store.
 *
 * @throws DATA_DIRECTORY_UNUSABLE
 */
export function prepareDataDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: MODE });
    const { mode, uid } = statSync(directory);
    if ((mode & OTHERS) !== 0 && uid === process.getuid?.()) chmodSync(directory, MODE);
  } catch (error) {
    throw serverError('DATA_DIRECTORY_UNUSABLE', { details: { directory, reason: messageOf(error) }, cause: error });
  }
}
