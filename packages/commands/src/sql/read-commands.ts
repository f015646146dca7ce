import type { CommandRow } from '../command.ts';

/** A command with everything that `GET` shows of it. */
export interface WideRow extends CommandRow {
  readonly payload: string | null;
  readonly metadata: string | null;
  readonly result: string | null;
  readonly error: string | null;
}

export interface AttemptRow {
  readonly command_id: number;
  readonly position: number;
  readonly run: number;
  readonly attempt: number;
  readonly outcome: string;
  readonly queued_at: number;
  readonly started_at: number | null;
  readonly ended_at: number;
  readonly next_at: number | null;
  readonly error: string | null;
}

const WIDE = `
  SELECT c.*, p.payload AS payload, p.metadata AS metadata, r.result AS result, r.error AS error
  FROM commands c
  LEFT JOIN command_payloads p ON p.command_id = c.id
  LEFT JOIN command_results r ON r.command_id = c.id`;

export const READ_COMMAND = `${WIDE} WHERE c.task_id = ?`;

/** What a waiting caller needs: no payload, no history. */
export const READ_OUTCOME = `
  SELECT c.id, c.task_id, c.task_type, c.status, c.queued_at, c.finished_at, r.result AS result, r.error AS error
  FROM commands c LEFT JOIN command_results r ON r.command_id = c.id WHERE c.task_id = ?`;

export const READ_ATTEMPTS = 'SELECT * FROM command_attempts WHERE command_id = ? ORDER BY position';

export const READ_STATS = `
  SELECT task_type AS taskType, status, sum(ended) AS ended, sum(duration) AS duration
  FROM command_rollups WHERE minute >= ? GROUP BY task_type, status ORDER BY task_type, status`;

/** Lines (a type and a key) whose heads are looked at. */
const HEADS_MAX = 1_000;

/* Jumps from line to line in the partial index, so that a long queue costs no more than a short one. */
export const READ_OLDEST_DUE = `
  WITH RECURSIVE heads (task_type, concurrency_key, due_at) AS (
    SELECT * FROM (SELECT task_type, concurrency_key, due_at FROM commands INDEXED BY commands_claimable
      WHERE ready = 1 ORDER BY task_type, concurrency_key, order_at LIMIT 1)
    UNION ALL
    SELECT next.task_type, next.concurrency_key, next.due_at FROM heads JOIN commands next ON next.id = (
      SELECT id FROM commands INDEXED BY commands_claimable
      WHERE ready = 1 AND (task_type, concurrency_key) > (heads.task_type, heads.concurrency_key)
      ORDER BY task_type, concurrency_key, order_at LIMIT 1)
    LIMIT ${HEADS_MAX})
  SELECT min(due_at) AS due_at FROM heads`;
