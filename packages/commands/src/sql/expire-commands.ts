import type { SqlConnection } from '@millrace/engines/store';
import type { Rollups } from './add-rollups.ts';
import type { DepthCount } from './depth-count.ts';
import { noteCallback } from './note-callback.ts';

/** A command that was found past its `expires_at` and ended. */
export interface Expired {
  readonly id: number;
  readonly taskId: string;
  readonly taskType: string;
  readonly attempt: number;
}

/** What an end by expiry is counted in. */
export interface Expirer {
  readonly now: number;
  readonly depth: DepthCount;
  readonly rollups: Rollups;
}

/** What an end by expiry needs to know of a command that waits. */
export interface ExpiringRow {
  readonly id: number;
  readonly task_id: string;
  readonly task_type: string;
  readonly ready: number | null;
  readonly attempts: number;
}

/** Commands ended by one sweep; more follow in the next. */
const SWEEP_MAX = 2_000;

const EXPIRE = `
  UPDATE commands SET status = 'EXPIRED', ready = NULL, updated_at = ?, finished_at = ?
  WHERE id = ? AND ready IS NOT NULL`;

/* The index is named because the planner, without statistics, may prefer to walk all that waits. */
const OVERDUE = `
  SELECT id, task_id, task_type, ready, attempts FROM commands INDEXED BY commands_expiring
  WHERE ready IS NOT NULL AND expires_at IS NOT NULL AND expires_at <= ? ORDER BY expires_at LIMIT ${SWEEP_MAX}`;

const NEXT = `
  SELECT expires_at FROM commands INDEXED BY commands_expiring
  WHERE ready IS NOT NULL AND expires_at IS NOT NULL ORDER BY expires_at LIMIT 1`;

/** Ends a command that waits and has expired. */
export function expireCommand(db: SqlConnection, row: ExpiringRow, { now, depth, rollups }: Expirer): Expired {
  db.run(EXPIRE, now, now, row.id);
  noteCallback(db, row.id);
  depth.add(row.task_type, row.ready === 1 ? -1 : 0, row.ready === 0 ? -1 : 0);
  rollups.add({ taskType: row.task_type, status: 'EXPIRED', endedAt: now, durationMs: 0 });
  return { id: row.id, taskId: row.task_id, taskType: row.task_type, attempt: row.attempts };
}

/** Ends what has expired while it waited, whatever for: its time, a slot, the end of a pause, a process that knows its type. */
export function expireOverdue(db: SqlConnection, by: Expirer): Expired[] {
  return db.all<ExpiringRow>(OVERDUE, by.now).map((row) => expireCommand(db, row, by));
}

/** When the next waiting command expires, in ms since the epoch; `null` when none does. */
export function nextExpiryAt(db: SqlConnection): number | null {
  return db.get<{ expires_at: number }>(NEXT)?.expires_at ?? null;
}
