import { defineProcedure } from '@millrace/engines/store';

/** Batches that one transaction forgets; the caller comes again while there are more. */
export const TRIM_BATCHES_MAX = 2_000;

/* Only the first ones are looked at, so that a call costs the same however many there are. */
const TRIM = `
  DELETE FROM command_event_batches WHERE seq IN (
    SELECT seq FROM (SELECT seq, at FROM command_event_batches ORDER BY seq LIMIT ${TRIM_BATCHES_MAX}) WHERE at < ?)
  AND seq < (SELECT max(seq) FROM command_event_batches)`;

/**
 * Forgets batches of events from before an instant, the oldest first: whoever resumes from there is told to begin again.
 * The newest one always stays, because the next one's number follows from it.
 *
 * @returns how many were forgotten; as many as `TRIM_BATCHES_MAX`: there may be more
 */
export const trimEventBatches = defineProcedure<{ readonly before: number }, number>({
  name: 'commands.trimEventBatches',
  sqlite: (db, { before }) => db.run(TRIM, before),
});
