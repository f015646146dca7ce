/**
 * Millrace's database file, read by the bench itself: what has been stored and what has ended is taken from the disk, not
 * from the answers of the program under test.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

export interface StoredCounts {
  readonly rows: number;
  readonly distinctIds: number;
  readonly succeeded: number;
  readonly startedTwice: number;
}

export interface MillraceStore {
  /** No-ops of which the result has been committed. */
  countEnded(): number;
  /** Commands that have yet to end. */
  countUnended(): number;
  countStored(): StoredCounts;
  close(): void;
}

const ENDED = 'select count(*) as value from commands where finished_at is not null';
const ALL = 'select count(*) as value from commands';

/** A command counts as succeeded when its row says so and its result lies beside it. */
const STORED = `
  select
    count(*) as "rows",
    count(distinct task_id) as distinctIds,
    count(*) filter (where c.status = 'SUCCESS' and json_extract(r.result, '$.ok')) as succeeded,
    count(*) filter (where c.attempts > 1) as startedTwice
  from commands c left join command_results r on r.command_id = c.id
  where c.task_type = 'noop'`;

export function openMillraceStore(dataDir: string): MillraceStore {
  const db = findStore(dataDir);
  const number = (sql: string) => Number(db.prepare(sql).get()?.value);
  return {
    countEnded: () => number(ENDED),
    countUnended: () => number(ALL) - number(ENDED),
    countStored: () => ({ ...db.prepare(STORED).get() }) as unknown as StoredCounts,
    close: () => db.close(),
  };
}

function findStore(dataDir: string): DatabaseSync {
  for (const name of readdirSync(dataDir, { recursive: true }) as string[]) {
    if (!/\.(db|sqlite3?)$/.test(name)) continue;
    const db = new DatabaseSync(join(dataDir, name), { timeout: 5_000 });
    try {
      if (db.prepare("select 1 from sqlite_schema where name = 'commands'").get() !== undefined) return db;
    } catch {
      // Not ours to read: the lock database refuses everyone while the server runs.
    }
    db.close();
  }
  throw new Error('No database with a table of commands was found.');
}
