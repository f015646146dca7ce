import type { SqlConnection } from '@millrace/engines/store';
import type { TerminalStatus } from '@millrace/kit';
import type { EndedAttempt } from '../command.ts';
import type { Rollups } from './add-rollups.ts';
import type { DepthCount } from './depth-count.ts';
import { noteCallback } from './note-callback.ts';

/** Where the ends are written from. */
export interface Ender {
  readonly now: number;
  readonly worker: number;
  readonly depth: DepthCount;
  readonly rollups: Rollups;
}

/* The lease number is the guard: a completion of an earlier lease changes no row (fencing token). */
const END = `
  UPDATE commands SET status = ?, ready = NULL, lease_owner = NULL, failures = failures + ?, dead_lettered = ?,
    error_code = ?, started_at = ?, updated_at = ?, finished_at = ?, duration = ?
  WHERE id = ? AND lease = ? AND status = 'RUNNING'`;

const GO_ON = `
  UPDATE commands SET status = ?, ready = ?, lease_owner = NULL, failures = failures + ?, attempts = attempts - ?,
    crashes = crashes + ?, order_at = ?, due_at = ?, error_code = ?, updated_at = ?
  WHERE id = ? AND lease = ? AND status = 'RUNNING'`;

const STORE_RESULT = `
  INSERT INTO command_results (command_id, status, result, error, created_at) VALUES (?, ?, ?, ?, ?)
  ON CONFLICT (command_id) DO UPDATE SET status = excluded.status, result = excluded.result, error = excluded.error,
    created_at = excluded.created_at`;

/* The attempt's place and number come from the row itself; failed ones only: the last attempt is the row. */
const KEEP_ATTEMPT = `
  INSERT INTO command_attempts (command_id, position, run, attempt, outcome, queued_at, started_at, ended_at, next_at, error)
  SELECT c.id, (SELECT coalesce(max(position), 0) + 1 FROM command_attempts WHERE command_id = c.id),
    c.run, c.attempts, ?, c.queued_at, ?, ?, ?, ?
  FROM commands c WHERE c.id = ?`;

/**
 * Writes how attempts ended.
 *
 * @returns the positions of those that were refused because their lease is no longer the current one
 */
export function endAttempts(db: SqlConnection, ended: readonly EndedAttempt[], from: Ender): number[] {
  const refused: number[] = [];
  for (let index = 0; index < ended.length; index++) {
    const attempt = ended[index] as EndedAttempt;
    const counted = hasEnded(attempt) ? end(db, attempt, from) : goOn(db, attempt, from);
    if (!counted) refused.push(index);
  }
  return refused;
}

type FinalAttempt = EndedAttempt & { readonly status: TerminalStatus };

function hasEnded(attempt: EndedAttempt): attempt is FinalAttempt {
  return attempt.status !== 'RETRYING' && attempt.status !== 'QUEUED';
}

function end(db: SqlConnection, attempt: FinalAttempt, from: Ender): boolean {
  const { id, lease, status, burnt, deadLettered, errorCode, startedAt, endedAt, durationMs, result, error } = attempt;
  const changes = db.run(
    END,
    status,
    burnt,
    deadLettered,
    errorCode,
    startedAt,
    endedAt,
    endedAt,
    durationMs,
    id,
    lease,
  );
  if (changes === 0) return false;
  from.rollups.add(attempt);
  db.run(STORE_RESULT, id, status, result, error, endedAt);
  if (attempt.hasCallback) noteCallback(db, id);
  return true;
}

function goOn(db: SqlConnection, attempt: EndedAttempt, from: Ender): boolean {
  const { id, lease, status, outcome, burnt, orderAt, dueAt, errorCode, startedAt, endedAt, error } = attempt;
  const due = dueAt <= from.now;
  const unstarted = outcome === 'returned';
  // An attempt that never started is as if it had not been claimed: it costs nothing and leaves no trace.
  if (!unstarted && !isCurrent(db, id, lease)) return false;
  if (!unstarted) db.run(KEEP_ATTEMPT, outcome, startedAt, endedAt, dueAt, error, id);
  const changes = db.run(
    GO_ON,
    status,
    due ? 1 : 0,
    burnt,
    unstarted ? 1 : 0,
    outcome === 'crashed' ? 1 : 0,
    orderAt,
    dueAt,
    errorCode,
    endedAt,
    id,
    lease,
  );
  if (changes === 0) return false;
  from.depth.add(attempt.taskType, due ? 1 : 0, due ? 0 : 1);
  return true;
}

function isCurrent(db: SqlConnection, id: number, lease: number): boolean {
  return db.get("SELECT 1 FROM commands WHERE id = ? AND lease = ? AND status = 'RUNNING'", id, lease) !== undefined;
}
