import { defineProcedure, type SqlConnection } from '@millrace/engines/store';
import { type CommandRow, CRASHES_MAX, orderAtOf } from '../command.ts';
import { Rollups } from './add-rollups.ts';
import { type DepthChange, DepthCount, readDepths } from './depth-count.ts';
import { nextExpiryAt } from './expire-commands.ts';
import { noteCallback } from './note-callback.ts';
import { nextDueAt } from './promote-due.ts';
import { addEvent, type EventBatch, recordEvents } from './record-events.ts';

/** Commands taken over by one transaction; the rescuer calls again while there are more. */
const RESCUE_MAX = 500;

/** What a process finds when it opens the room. */
export interface Opened {
  /** The number that this process holds its leases under; never given twice. */
  readonly worker: number;
  /** The highest id in use: the next command gets the one after it. */
  readonly lastId: number;
  readonly depth: readonly DepthChange[];
  readonly nextDueAt: number | null;
  readonly nextExpiryAt: number | null;
  readonly pausedTypes: readonly string[];
  readonly pausedLanes: readonly { readonly taskType: string; readonly key: string; readonly until: number }[];
  readonly starts: readonly { readonly taskType: string; readonly key: string; readonly at: number }[];
}

/** Registers a process as a holder of leases and tells it what is there. */
export const openRoom = defineProcedure<{ now: number; name: string; leaseUntil: number }, Opened>({
  name: 'commands.openRoom',
  sqlite(db, { now, name, leaseUntil }) {
    const registered = db.get<{ worker: number }>(
      'INSERT INTO command_workers (name, started_at, lease_until) VALUES (?, ?, ?) RETURNING worker',
      name,
      now,
      leaseUntil,
    );
    const last = db.get<{ id: number }>('SELECT coalesce(max(id), 0) AS id FROM commands');
    return {
      worker: registered?.worker ?? 0,
      lastId: last?.id ?? 0,
      depth: readDepths(db),
      nextDueAt: nextDueAt(db),
      nextExpiryAt: nextExpiryAt(db),
      pausedTypes: db
        .all<{ task_type: string }>('SELECT task_type FROM command_types WHERE paused_at IS NOT NULL')
        .map((row) => row.task_type),
      pausedLanes: db.all(
        'SELECT task_type AS taskType, concurrency_key AS key, paused_until AS until FROM command_lanes WHERE paused_until > ?',
        now,
      ),
      starts: db.all(
        'SELECT task_type AS taskType, concurrency_key AS key, started_at AS at FROM command_starts ORDER BY started_at',
      ),
    };
  },
});

/**
 * The heartbeat: one row per process, however many leases it holds.
 *
 * @returns false when others have taken its leases over meanwhile
 */
export const renewLease = defineProcedure<{ worker: number; leaseUntil: number }, boolean>({
  name: 'commands.renewLease',
  sqlite: (db, { worker, leaseUntil }) =>
    db.run('UPDATE command_workers SET lease_until = ? WHERE worker = ?', leaseUntil, worker) === 1,
});

/** Signs a process off; what it should hold all the same is free for the next rescue, as it has no row any more. */
export const closeWorker = defineProcedure<{ worker: number }, void>({
  name: 'commands.closeWorker',
  sqlite(db, { worker }) {
    db.run('DELETE FROM command_workers WHERE worker = ?', worker);
  },
});

export interface RescueArgs {
  readonly now: number;
  /** The asker's own number; 0 before it has one. */
  readonly worker: number;
  /** True where only one process can be alive (a locked data directory): then every other one is dead. */
  readonly alone: boolean;
  /** Stored with commands that are given up as poison: a JSON text. */
  readonly poisonError: string;
}

export interface Rescued {
  readonly count: number;
  readonly poisoned: readonly { readonly taskId: string; readonly taskType: string }[];
  readonly more: boolean;
  /** Dead processes of which nothing is left. */
  readonly workers: number;
  readonly depth: readonly DepthChange[];
  readonly seq: number;
  readonly events: EventBatch;
}

const DEAD_WORKERS = 'SELECT worker FROM command_workers WHERE worker <> ? AND (lease_until <= ? OR ? = 1)';

/* A loose index scan: one step per holder. A claim may reach the store after its process was taken over and signed off. */
const NEXT_HOLDER = `
  SELECT lease_owner AS holder FROM commands WHERE lease_owner > ? ORDER BY lease_owner LIMIT 1`;
const IS_REGISTERED = 'SELECT 1 FROM command_workers WHERE worker = ?';
const LEASED = `
  SELECT * FROM commands WHERE lease_owner = ? ORDER BY id LIMIT ${RESCUE_MAX}`;

/** Takes over what dead processes held: each command is retried at once, or given up when it killed too many. */
export const rescueLeases = defineProcedure<RescueArgs, Rescued>({
  name: 'commands.rescueLeases',
  sqlite(db, args) {
    const depth = new DepthCount();
    const rollups = new Rollups();
    const events: EventBatch = {};
    const poisoned: { taskId: string; taskType: string }[] = [];
    let count = 0;
    let more = false;
    let workers = 0;
    for (const owner of deadHolders(db, args)) {
      const rows = db.all<CommandRow>(LEASED, owner);
      for (const row of rows) {
        if (row.crashes + 1 >= CRASHES_MAX) {
          giveUp(db, row, args);
          rollups.add({ taskType: row.task_type, status: 'FAILURE', endedAt: args.now, durationMs: 0 });
          poisoned.push({ taskId: row.task_id, taskType: row.task_type });
          addEvent(events, 'failed', { id: row.id, attempt: row.attempts });
        } else {
          takeOver(db, row, args.now);
          depth.add(row.task_type, 1, 0);
          addEvent(events, 'retrying', { id: row.id, attempt: row.attempts });
        }
      }
      count += rows.length;
      if (rows.length === RESCUE_MAX) more = true;
      else {
        db.run('DELETE FROM command_workers WHERE worker = ?', owner);
        workers += 1;
      }
    }
    rollups.write(db);
    return { count, poisoned, more, workers, depth: depth.changes(), seq: recordEvents(db, args.now, events), events };
  },
});

/** Processes whose leases are over: their row says so, or they have none. */
function deadHolders(db: SqlConnection, { worker, now, alone }: RescueArgs): number[] {
  const dead = db.all<{ worker: number }>(DEAD_WORKERS, worker, now, alone ? 1 : 0).map((row) => row.worker);
  let next = db.get<{ holder: number }>(NEXT_HOLDER, 0);
  while (next !== undefined) {
    const { holder } = next;
    if (holder !== worker && db.get(IS_REGISTERED, holder) === undefined) dead.push(holder);
    next = db.get<{ holder: number }>(NEXT_HOLDER, holder);
  }
  return dead;
}

const TAKE_OVER = `
  UPDATE commands SET status = 'RETRYING', ready = 1, lease_owner = NULL, crashes = crashes + 1, due_at = ?,
    order_at = ?, updated_at = ? WHERE id = ? AND lease = ?`;
const GIVE_UP = `
  UPDATE commands SET status = 'FAILURE', ready = NULL, lease_owner = NULL, crashes = crashes + 1, dead_lettered = 1,
    error_code = 'PROCESSING_ERROR', updated_at = ?, finished_at = ?, duration = ? WHERE id = ? AND lease = ?`;
const KEEP_CRASH = `
  INSERT INTO command_attempts (command_id, position, run, attempt, outcome, queued_at, started_at, ended_at, next_at, error)
  VALUES (?, (SELECT coalesce(max(position), 0) + 1 FROM command_attempts WHERE command_id = ?), ?, ?, 'crashed', ?, ?, ?, ?, NULL)`;
const STORE_ERROR = `
  INSERT OR REPLACE INTO command_results (command_id, status, result, error, created_at) VALUES (?, 'FAILURE', NULL, ?, ?)`;

function takeOver(db: SqlConnection, row: CommandRow, now: number): void {
  db.run(KEEP_CRASH, row.id, row.id, row.run, row.attempts, row.queued_at, row.started_at, now, now);
  db.run(TAKE_OVER, now, orderAtOf(now, row.priority), now, row.id, row.lease);
}

function giveUp(db: SqlConnection, row: CommandRow, { now, poisonError }: RescueArgs): void {
  db.run(GIVE_UP, now, now, Math.max(0, now - (row.started_at ?? now)), row.id, row.lease);
  db.run(STORE_ERROR, row.id, poisonError, now);
  noteCallback(db, row.id);
}
