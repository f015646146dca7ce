import type { SqlConnection } from '@millrace/engines/store';
import type { DepthCount } from './depth-count.ts';

/** Commands promoted by one transaction; more follow in the next. */
const PROMOTE_MAX = 2_000;

const PROMOTE = `
  UPDATE commands SET ready = 1, status = CASE status WHEN 'SCHEDULED' THEN 'QUEUED' ELSE status END, updated_at = ?
  WHERE id IN (SELECT id FROM commands WHERE ready = 0 AND due_at <= ? ORDER BY due_at LIMIT ${PROMOTE_MAX})
  RETURNING task_type`;

const NEXT_DUE = 'SELECT due_at FROM commands WHERE ready = 0 ORDER BY due_at LIMIT 1';

/** Makes commands claimable whose time has come. */
export function promoteDue(db: SqlConnection, now: number, depth: DepthCount): void {
  for (const { task_type: taskType } of db.all<{ task_type: string }>(PROMOTE, now, now)) depth.add(taskType, 1, -1);
}

/** When the next waiting command is due, in ms since the epoch; `null` when none waits. */
export function nextDueAt(db: SqlConnection): number | null {
  return db.get<{ due_at: number }>(NEXT_DUE)?.due_at ?? null;
}
