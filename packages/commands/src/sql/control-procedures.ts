import { defineProcedure, type SqlConnection } from '@millrace/engines/store';
import { type CommandRow, orderAtOf } from '../command.ts';
import { Rollups } from './add-rollups.ts';
import { type DepthChange, DepthCount } from './depth-count.ts';
import { noteCallback } from './note-callback.ts';
import { addEvent, type EventBatch, recordEvents, type StoredEventKind } from './record-events.ts';

/** What an operator's act came to. */
export interface ControlResult {
  /** The rows as they were before. */
  readonly before: readonly CommandRow[];
  /** How many were changed; the others were not in a state for it. */
  readonly changed: number;
  readonly depth: readonly DepthChange[];
  readonly seq: number;
  readonly events: EventBatch;
}

const BY_TASK_ID = 'SELECT * FROM commands WHERE task_id = ?';

/* The lease is raised so that a completion of the attempt that still runs is refused. */
const CANCEL = `
  UPDATE commands SET status = 'CANCELLED', ready = NULL, lease = lease + 1, lease_owner = NULL, updated_at = ?,
    finished_at = ?, duration = CASE WHEN status = 'RUNNING' THEN max(0, ? - started_at) END
  WHERE id = ? AND finished_at IS NULL`;

/** Ends a command that has not ended, whether it runs or not. */
export const cancelCommand = defineProcedure<{ now: number; taskId: string }, ControlResult>({
  name: 'commands.cancelCommand',
  sqlite(db, { now, taskId }) {
    const act = new Act(now);
    const row = db.get<CommandRow>(BY_TASK_ID, taskId);
    if (row === undefined) return act.result(db);
    if (db.run(CANCEL, now, now, now, row.id) === 1) {
      act.note(row, 'cancelled');
      noteCallback(db, row.id);
      const durationMs = runtimeOf(row, now);
      act.rollups.add({ taskType: row.task_type, status: 'CANCELLED', endedAt: now, durationMs });
    } else act.before.push(row);
    if (act.changed > 0 && row.ready !== null) act.depth.add(row.task_type, row.ready === 1 ? -1 : 0, row.ready - 1);
    return act.result(db);
  },
});

function runtimeOf(row: CommandRow, now: number): number {
  return row.status === 'RUNNING' ? Math.max(0, now - (row.started_at ?? now)) : 0;
}

/** Commands that one redrive opens at the most. */
export const REDRIVE_MAX = 10_000;

export interface RedriveArgs {
  readonly now: number;
  readonly taskType: string | null;
  readonly errorCode: string | null;
  readonly finishedFrom: number;
  readonly finishedTo: number;
  readonly limit: number;
}

const DEAD_LETTERS = `
  SELECT * FROM commands WHERE status = 'FAILURE' AND finished_at IS NOT NULL AND updated_at >= ? AND updated_at < ?
    AND dead_lettered = 1 AND (? IS NULL OR task_type = ?) AND (? IS NULL OR error_code = ?)
  ORDER BY updated_at LIMIT ?`;

/** Opens the next run of dead-lettered commands. */
export const redriveDeadLetters = defineProcedure<RedriveArgs, ControlResult>({
  name: 'commands.redriveDeadLetters',
  sqlite(db, { now, taskType, errorCode, finishedFrom, finishedTo, limit }) {
    const act = new Act(now);
    const rows = db.all<CommandRow>(
      DEAD_LETTERS,
      finishedFrom,
      finishedTo,
      taskType,
      taskType,
      errorCode,
      errorCode,
      Math.min(limit, REDRIVE_MAX),
    );
    for (const row of rows) reopen(db, row, act);
    return act.result(db);
  },
});

/** Opens the next run of one command that ended without success. */
export const retryCommand = defineProcedure<{ now: number; taskId: string }, ControlResult>({
  name: 'commands.retryCommand',
  sqlite(db, { now, taskId }) {
    const act = new Act(now);
    const row = db.get<CommandRow>(BY_TASK_ID, taskId);
    if (row === undefined) return act.result(db);
    if (row.finished_at === null || row.status === 'SUCCESS') act.before.push(row);
    else reopen(db, row, act);
    return act.result(db);
  },
});

const KEEP_LAST_ATTEMPT = `
  INSERT INTO command_attempts (command_id, position, run, attempt, outcome, queued_at, started_at, ended_at, next_at, error)
  SELECT c.id, (SELECT coalesce(max(position), 0) + 1 FROM command_attempts WHERE command_id = c.id), c.run, c.attempts,
    lower(c.status), c.queued_at, c.started_at, c.finished_at, ?, r.error
  FROM commands c LEFT JOIN command_results r ON r.command_id = c.id WHERE c.id = ?`;

const REOPEN = `
  UPDATE commands SET status = 'QUEUED', ready = 1, run = run + 1, attempts = 0, failures = 0, crashes = 0,
    dead_lettered = 0, error_code = NULL, order_at = ?, due_at = ?, expires_at = NULL, queued_at = ?, started_at = NULL,
    updated_at = ?, finished_at = NULL, duration = NULL
  WHERE id = ?`;

function reopen(db: SqlConnection, row: CommandRow, act: Act): void {
  const { now } = act;
  db.run(KEEP_LAST_ATTEMPT, now, row.id);
  db.run('DELETE FROM command_results WHERE command_id = ?', row.id);
  db.run(REOPEN, orderAtOf(now, row.priority), now, now, now, row.id);
  act.note(row, 'queued');
  act.depth.add(row.task_type, 1, 0);
}

/** Forgets a command that has ended, with everything that belongs to it. */
export const removeCommand = defineProcedure<{ now: number; taskId: string }, ControlResult>({
  name: 'commands.removeCommand',
  sqlite(db, { now, taskId }) {
    const act = new Act(now);
    const row = db.get<CommandRow>(BY_TASK_ID, taskId);
    if (row === undefined) return act.result(db);
    act.before.push(row);
    if (row.finished_at !== null) {
      deleteCommands(db, [row.id]);
      act.changed = 1;
    }
    return act.result(db);
  },
});

/** Deletes commands and what belongs to them; the caller has made sure that they have ended. */
export function deleteCommands(db: SqlConnection, ids: readonly number[]): void {
  for (const id of ids) {
    db.run('DELETE FROM command_payloads WHERE command_id = ?', id);
    db.run('DELETE FROM command_results WHERE command_id = ?', id);
    db.run('DELETE FROM command_attempts WHERE command_id = ?', id);
    db.run('DELETE FROM command_steps WHERE command_id = ?', id);
    db.run('DELETE FROM command_callbacks WHERE command_id = ?', id);
    db.run('DELETE FROM commands WHERE id = ?', id);
  }
}

/** Pauses or resumes a type, across restarts. */
export const setTypePaused = defineProcedure<{ taskType: string; pausedAt: number | null }, void>({
  name: 'commands.setTypePaused',
  sqlite(db, { taskType, pausedAt }) {
    db.run('INSERT OR REPLACE INTO command_types (task_type, paused_at) VALUES (?, ?)', taskType, pausedAt);
  },
});

/** Keeps a key of a type from being claimed until an instant, as its provider asked. */
export const pauseLane = defineProcedure<{ now: number; taskType: string; key: string; until: number }, void>({
  name: 'commands.pauseLane',
  sqlite(db, { now, taskType, key, until }) {
    db.run('DELETE FROM command_lanes WHERE paused_until <= ?', now);
    db.run(
      'INSERT OR REPLACE INTO command_lanes (task_type, concurrency_key, paused_until) VALUES (?, ?, ?)',
      taskType,
      key,
      until,
    );
  },
});

/** What one act has done so far. */
class Act {
  readonly before: CommandRow[] = [];
  readonly depth = new DepthCount();
  readonly rollups = new Rollups();
  readonly #events: EventBatch = {};
  readonly now: number;
  changed = 0;

  constructor(now: number) {
    this.now = now;
  }

  note(row: CommandRow, kind: StoredEventKind): void {
    this.before.push(row);
    this.changed += 1;
    addEvent(this.#events, kind, { id: row.id, attempt: kind === 'queued' ? 0 : row.attempts });
  }

  result(db: SqlConnection): ControlResult {
    this.rollups.write(db);
    const seq = recordEvents(db, this.now, this.#events);
    return { before: this.before, changed: this.changed, depth: this.depth.changes(), seq, events: this.#events };
  }
}
