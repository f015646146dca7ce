import type { SqlConnection } from '@millrace/engines/store';
import type { CommandRow, NewCommand } from '../command.ts';
import type { DepthCount } from './depth-count.ts';

/** A new command and whether a slot is free for it: then it is leased by the statement that inserts it. */
export interface Arrival {
  readonly command: NewCommand;
  readonly claim: boolean;
}

/** A taskId that was there already, with what tells a replay from a conflict. */
export interface Duplicate {
  /** Position among the arrivals. */
  readonly index: number;
  readonly row: CommandRow;
  readonly payload: string | null;
  readonly metadata: string | null;
}

interface Inserter {
  readonly now: number;
  readonly worker: number;
  readonly depth: DepthCount;
}

/*
 * One statement per row, prepared once: inside the writer that is the fastest form (192,000 rows/s here with ascending
 * ids, against 131,000/s for rows bound as one JSON array and unpacked by json_each).
 */
const INSERT = `
  INSERT INTO commands (id, task_id, task_type, status, ready, concurrency_key, order_at, due_at, expires_at, priority,
    timeout_ms, run, attempts, failures, crashes, lease, lease_owner, dead_lettered, correlation_id, created_at,
    queued_at, started_at, updated_at)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, 0, 0, ?, ?, 0, ?, ?, ?, ?, ?)
  ON CONFLICT (task_id) DO NOTHING`;

const INSERT_PAYLOAD = `
  INSERT INTO command_payloads (command_id, payload, metadata, callback_url, trace) VALUES (?, ?, ?, ?, ?)`;

/* A statement of its own: most commands have none. */
const MARK_CALLBACK = 'UPDATE commands SET callback = 1 WHERE id = ?';

const FIND_DUPLICATE = `
  SELECT c.*, p.payload AS payload, p.metadata AS metadata
  FROM commands c LEFT JOIN command_payloads p ON p.command_id = c.id WHERE c.task_id = ?`;

/** Inserts the arrivals; those whose taskId exists are left out and reported. */
export function insertCommands(db: SqlConnection, arrivals: readonly Arrival[], to: Inserter): Duplicate[] {
  const duplicates: Duplicate[] = [];
  for (let index = 0; index < arrivals.length; index++) {
    const arrival = arrivals[index] as Arrival;
    if (!insertCommand(db, arrival, to)) duplicates.push(findDuplicate(db, arrival.command.taskId, index));
  }
  return duplicates;
}

/** @returns whether it is new */
export function insertCommand(db: SqlConnection, { command, claim }: Arrival, to: Inserter): boolean {
  const due = command.dueAt <= to.now;
  const changes = db.run(
    INSERT,
    command.id,
    command.taskId,
    command.taskType,
    claim ? 'RUNNING' : due ? 'QUEUED' : 'SCHEDULED',
    claim ? null : due ? 1 : 0,
    command.concurrencyKey,
    command.orderAt,
    command.dueAt,
    command.expiresAt,
    command.priority,
    command.timeoutMs,
    claim ? 1 : 0,
    claim ? 1 : 0,
    claim ? to.worker : null,
    command.correlationId,
    command.createdAt,
    command.createdAt,
    claim ? to.now : null,
    to.now,
  );
  if (changes === 0) return false;
  const { payload, metadata, callbackUrl, trace } = command;
  if (payload !== null || metadata !== null || callbackUrl !== null || trace !== null) {
    db.run(INSERT_PAYLOAD, command.id, payload, metadata, callbackUrl, trace);
    if (callbackUrl !== null) db.run(MARK_CALLBACK, command.id);
  }
  if (!claim) to.depth.add(command.taskType, due ? 1 : 0, due ? 0 : 1);
  return true;
}

function findDuplicate(db: SqlConnection, taskId: string, index: number): Duplicate {
  const found = db.get<CommandRow & { payload: string | null; metadata: string | null }>(FIND_DUPLICATE, taskId);
  if (found === undefined) throw new Error(`The command ${taskId} conflicts with one that is not there.`);
  const { payload, metadata, ...row } = found;
  return { index, row, payload, metadata };
}
