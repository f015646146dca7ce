import { defineProcedure, type SqlConnection } from '@millrace/engines/store';
import { type DepthChange, readDepths } from './depth-count.ts';
import { nextExpiryAt } from './expire-commands.ts';
import { nextDueAt } from './promote-due.ts';

export interface SurveyArgs {
  readonly now: number;
  readonly worker: number;
  /** What this process knows to hold, or to have ended and not yet stored: ids and lease numbers. */
  readonly known: readonly (readonly [id: number, lease: number])[];
}

export interface Survey {
  /** Leases of this process that it did not know of and that were given back. */
  readonly returned: number;
  /** The whole counts, not changes. */
  readonly depth: readonly DepthChange[];
  readonly nextDueAt: number | null;
  readonly nextExpiryAt: number | null;
}

const HELD = 'SELECT id, lease FROM commands WHERE lease_owner = ?';

/* As an attempt that never started: it costs nothing and leaves no trace. */
const GIVE_BACK = `
  UPDATE commands SET status = CASE attempts WHEN 1 THEN 'QUEUED' ELSE 'RETRYING' END, ready = 1, lease_owner = NULL,
    attempts = attempts - 1, updated_at = ?
  WHERE id = ? AND lease = ? AND status = 'RUNNING'`;

/**
 * Tells a process what is there after a write whose fate it was not told: a claim that was committed although its answer
 * was lost leaves leases that nobody works on, and counts that are off.
 */
export const surveyLeases = defineProcedure<SurveyArgs, Survey>({
  name: 'commands.surveyLeases',
  sqlite(db, args) {
    const returned = giveBackUnknown(db, args);
    return { returned, depth: readDepths(db), nextDueAt: nextDueAt(db), nextExpiryAt: nextExpiryAt(db) };
  },
});

function giveBackUnknown(db: SqlConnection, { now, worker, known }: SurveyArgs): number {
  const leaseOf = new Map(known);
  let returned = 0;
  for (const { id, lease } of db.all<{ id: number; lease: number }>(HELD, worker)) {
    if (leaseOf.get(id) !== lease) returned += db.run(GIVE_BACK, now, id, lease);
  }
  return returned;
}
