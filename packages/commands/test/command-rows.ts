import { defineProcedure, type StoreSchema } from '@millrace/engines/store';
import { COMMAND_STATUSES, type CommandStatus, isTerminal } from '@millrace/kit';
import { commandsSchema } from '../src/schema.ts';

/** What a test row holds; all of it follows from its id. */
export interface TestRow {
  readonly taskId: string;
  readonly taskType: string;
  readonly status: CommandStatus;
  readonly correlationId: string;
  readonly createdAt: number;
  readonly endedAt: number;
}

const MS_PER_ROW = 1_000;

export function rowOf(id: number, start: number): TestRow {
  // Most commands have succeeded; every other state has a few.
  const status =
    id % 10 < 6 ? 'SUCCESS' : (COMMAND_STATUSES[Math.floor(id / 10) % COMMAND_STATUSES.length] ?? 'SUCCESS');
  const createdAt = start + id * MS_PER_ROW;
  return {
    taskId: `task-${id}`,
    taskType: `t${id % 5}`,
    status,
    correlationId: `c${id % 50}`,
    createdAt,
    endedAt: createdAt + ((id * 7_919) % 5_000),
  };
}

const INSERT = `
  INSERT INTO commands (id, task_id, task_type, status, ready, concurrency_key, order_at, due_at, priority, timeout_ms, run,
    attempts, failures, crashes, lease, lease_owner, dead_lettered, correlation_id, created_at, queued_at, updated_at,
    finished_at)
  VALUES (?, ?, ?, ?, ?, '', ?, ?, 'normal', 1000, 1, 1, 0, 0, 1, ?, ?, ?, ?, ?, ?, ?)`;

/** Puts rows of every state into the store. */
export const fillCommands = defineProcedure<{ from: number; to: number; start: number }, void>({
  name: 'test.fillCommands',
  sqlite(db, { from, to, start }) {
    for (let id = from; id <= to; id++) {
      const { taskId, taskType, status, correlationId, createdAt, endedAt } = rowOf(id, start);
      const ended = isTerminal(status);
      const ready = status === 'SCHEDULED' ? 0 : status === 'RETRYING' ? (id % 20 < 10 ? 0 : 1) : 1;
      db.run(
        INSERT,
        ...[id, taskId, taskType, status, ended || status === 'RUNNING' ? null : ready, createdAt, createdAt],
        ...[status === 'RUNNING' ? 1 : null, status === 'FAILURE' ? 1 : 0, correlationId, createdAt, createdAt],
        ...[endedAt, ended ? endedAt : null],
      );
      if (ended) db.run('INSERT INTO command_payloads (command_id, payload) VALUES (?, ?)', id, '{"text":"hello"}');
      if (ended) db.run("INSERT INTO command_results VALUES (?, ?, '1', NULL, ?)", id, status, endedAt);
    }
  },
});

/** The room's schema, with `fillCommands`. */
export const filledSchema: readonly StoreSchema[] = [
  { ...commandsSchema, procedures: [...commandsSchema.procedures, new URL(import.meta.url)] },
];

/** Says that commands have ended in a minute, as the room does. */
export const noteEnds = defineProcedure<{ minute: number; ended: number }, void>({
  name: 'test.noteEnds',
  sqlite(db, { minute, ended }) {
    db.run("INSERT INTO command_rollups VALUES (?, 't1', 'SUCCESS', ?, 0)", minute, ended);
  },
});

/** Notes an end that a webhook has to tell. */
export const noteCallback = defineProcedure<{ id: number }, void>({
  name: 'test.noteCallback',
  sqlite(db, { id }) {
    db.run('INSERT INTO command_callbacks VALUES (?, 1, 0)', id);
  },
});

/** Puts rows into the tables beside the commands, all of one time. */
export const fillSideTables = defineProcedure<{ at: number; rows: number }, void>({
  name: 'test.fillSideTables',
  sqlite(db, { at, rows }) {
    for (let row = 1; row <= rows; row++) {
      db.run('INSERT INTO command_event_batches VALUES (?, ?, ?)', row, at, '{}');
      db.run("INSERT INTO command_starts (started_at, task_type, concurrency_key) VALUES (?, 't1', '')", at);
      db.run("INSERT INTO command_lanes VALUES ('t1', ?, ?)", `key-${row}`, at);
      db.run("INSERT INTO command_rollups VALUES (?, 't1', 'SUCCESS', 1, 0)", Math.floor(at / 60_000) + row);
    }
  },
});
