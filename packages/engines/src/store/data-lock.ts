import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { storeError } from './errors.ts';

/** Holds a data directory for one process; `Symbol.dispose` frees it, and so does the death of the process. */
export interface DataLock extends Disposable {
  readonly directory: string;
}

/**
 * Takes the data directory, creating it (mode 0700) when needed. The lock is SQLite's exclusive lock on a database of
 * its own: the operating system frees it after `kill -9`, which a file with a process id does not survive.
 *
 * @throws STORE_LOCKED when another process holds it
 */
export function lockDataDirectory(directory: string): DataLock {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const database = new DatabaseSync(join(directory, 'lock.db'), { timeout: 0 });
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE IF NOT EXISTS held (x); COMMIT;');
  } catch (error) {
    database.close();
    throw storeError('STORE_LOCKED', { details: { directory }, cause: error });
  }
  return {
    directory,
    [Symbol.dispose]: () => {
      if (database.isOpen) database.close();
    },
  };
}
