import { defineProcedure, type SqlConnection } from '@millrace/engines/store';
import { TERMINAL_STATUSES } from '@millrace/kit';
import { deleteCommands } from './control-procedures.ts';

/* Per state one walk along `commands_by_end`, oldest first; at most the slice from each comes to the sort. */
const OLDEST_OF = (status: string) => `
  SELECT * FROM (
    SELECT id, updated_at FROM commands INDEXED BY commands_by_end
    WHERE finished_at IS NOT NULL AND status = '${status}' AND updated_at < ?1 ORDER BY updated_at LIMIT ?2)`;

/** The commands that ended longest ago, of those that ended before an instant. Parameters: that instant, how many. */
export const OLDEST_ENDED = `
  SELECT id FROM (${TERMINAL_STATUSES.map(OLDEST_OF).join(' UNION ALL ')}) AS ended
  WHERE NOT EXISTS (SELECT 1 FROM command_callbacks k WHERE k.command_id = ended.id)
  ORDER BY updated_at LIMIT ?2`;

export const COUNT_ENDED =
  'SELECT count(*) AS count FROM commands INDEXED BY commands_by_end WHERE finished_at IS NOT NULL';

/** Ends since a minute, from the rollups. */
export const COUNT_ENDED_SINCE = 'SELECT coalesce(sum(ended), 0) AS count FROM command_rollups WHERE minute >= ?';

/** Bytes inside the database that new rows will use before it grows. */
export const READ_REUSABLE_BYTES = `
  SELECT freelist_count * page_size AS bytes FROM pragma_freelist_count, pragma_page_size`;

export interface PruneArgs {
  /** Only what ended before, ms since the epoch. */
  readonly before: number;
  readonly limit: number;
}

/** Deletes the commands that ended longest ago. Ends that a webhook has yet to tell are kept. @returns how many */
export const pruneCommands = defineProcedure<PruneArgs, number>({
  name: 'commands.pruneCommands',
  sqlite(db, { before, limit }) {
    const rows = db.all<{ id: number }>(OLDEST_ENDED, before, limit);
    deleteCommands(
      db,
      rows.map((row) => row.id),
    );
    return rows.length;
  },
});

export interface TrimArgs {
  readonly limit: number;
  readonly now: number;
  readonly eventsBefore: number;
  readonly eventBatchesMax: number;
  readonly startsBefore: number;
  /** Minutes since the epoch. */
  readonly rollupsBefore: number;
}

const TRIM_STARTS = `
  DELETE FROM command_starts WHERE id IN
    (SELECT id FROM command_starts WHERE started_at < ? ORDER BY started_at LIMIT ?)`;
const TRIM_LANES = 'DELETE FROM command_lanes WHERE paused_until <= ?';
const TRIM_ROLLUPS = `
  DELETE FROM command_rollups WHERE (minute, task_type, status) IN
    (SELECT minute, task_type, status FROM command_rollups WHERE minute < ? ORDER BY minute LIMIT ?)`;
const TRIM_EVENTS = 'DELETE FROM command_event_batches WHERE seq BETWEEN ? AND ?';
const EVENT_ENDS = 'SELECT min(seq) AS first, max(seq) AS last FROM command_event_batches';
const FIRST_KEPT_EVENT = `
  SELECT min(seq) AS seq FROM (SELECT seq, at FROM command_event_batches ORDER BY seq LIMIT ?) WHERE at >= ?`;

/** Shortens the tables beside the commands, by a slice each. @returns how many rows went */
export const trimTables = defineProcedure<TrimArgs, number>({
  name: 'commands.trimTables',
  sqlite(db, args) {
    const starts = db.run(TRIM_STARTS, args.startsBefore, args.limit);
    const lanes = db.run(TRIM_LANES, args.now);
    const rollups = db.run(TRIM_ROLLUPS, args.rollupsBefore, args.limit);
    return starts + lanes + rollups + trimEvents(db, args);
  },
});

function trimEvents(db: SqlConnection, { limit, eventsBefore, eventBatchesMax }: TrimArgs): number {
  const ends = db.get<{ first: number | null; last: number | null }>(EVENT_ENDS);
  if (ends === undefined || ends.first === null || ends.last === null) return 0;
  const { first, last } = ends;
  const kept = db.get<{ seq: number | null }>(FIRST_KEPT_EVENT, limit, eventsBefore)?.seq ?? first + limit;
  // The last batch stays whatever its age: the numbers of later ones follow from it.
  const end = Math.min(Math.max(kept - 1, last - eventBatchesMax), first + limit - 1, last - 1);
  return end < first ? 0 : db.run(TRIM_EVENTS, first, end);
}
