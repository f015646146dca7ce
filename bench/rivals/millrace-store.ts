/**
 * Millrace's database file, read by the bench itself: what has been stored and what has ended is taken from the disk, not
 * from the answers of the program under test.
 */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { BenchItem } from '../harness/job-system.ts';

/** The lock database beside it keeps everybody else waiting and is left alone. */
const FILE = 'millrace.db';
const BUSY_TIMEOUT_MS = 5_000;

export interface StoredCounts {
  readonly rows: number;
  readonly distinctIds: number;
  readonly succeeded: number;
  readonly startedTwice: number;
}

export interface MillraceStore {
  /** Commands of which the end has been committed. Takes a look at each. */
  countEnded(): number;
  /** Whether any command has yet to end. Costs nothing, however many have ended. */
  hasUnended(): boolean;
  /** How many of these no-ops have ended with exactly their own result. */
  countResults(items: readonly BenchItem[]): number;
  countStored(): StoredCounts;
  close(): void;
}

const ENDED = 'select count(*) as value from commands where finished_at is not null';

/** What has not ended is claimable, waits for its time or is leased; there is a partial index for each. */
const UNENDED = `
  select exists (select 1 from commands where ready = 1)
      or exists (select 1 from commands where ready = 0)
      or exists (select 1 from commands where lease_owner is not null) as value`;

const RESULTS = `
  select count(*) as value
  from json_each(?) item
  join commands c on c.task_id = item.value ->> 'id'
  join command_results r on r.command_id = c.id
  where c.status = 'SUCCESS' and c.attempts = 1
    and json_extract(r.result, '$.ok') = 1 and json_extract(r.result, '$.n') = item.value ->> 'n'`;

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
  const db = new DatabaseSync(join(dataDir, FILE), { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  const ended = db.prepare(ENDED);
  const unended = db.prepare(UNENDED);
  const results = db.prepare(RESULTS);
  return {
    countEnded: () => Number(ended.get()?.value),
    hasUnended: () => unended.get()?.value === 1,
    countResults: (items) => Number(results.get(JSON.stringify(items))?.value),
    countStored: () => ({ ...db.prepare(STORED).get() }) as unknown as StoredCounts,
    close: () => db.close(),
  };
}
