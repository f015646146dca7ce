import type { CommandStatus } from '@millrace/kit';

/** A command with one of its kept attempts; `a_…` are null when it has none. */
export interface HistoryRow {
  readonly taskId: string;
  readonly taskType: string;
  readonly status: CommandStatus;
  readonly run: number;
  readonly attempts: number;
  readonly queuedAt: number;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  readonly error: string | null;
  readonly a_run: number | null;
  readonly a_attempt: number | null;
  readonly a_outcome: string | null;
  readonly a_queued_at: number | null;
  readonly a_started_at: number | null;
  readonly a_ended_at: number | null;
  readonly a_next_at: number | null;
  readonly a_error: string | null;
}

/* One statement, so that the row and its attempts are of the same moment. */
export const READ_HISTORY = `
  SELECT c.task_id AS taskId, c.task_type AS taskType, c.status, c.run, c.attempts, c.queued_at AS queuedAt,
    c.started_at AS startedAt, c.finished_at AS finishedAt, r.error AS error,
    a.run AS a_run, a.attempt AS a_attempt, a.outcome AS a_outcome, a.queued_at AS a_queued_at,
    a.started_at AS a_started_at, a.ended_at AS a_ended_at, a.next_at AS a_next_at, a.error AS a_error
  FROM commands c
  LEFT JOIN command_results r ON r.command_id = c.id
  LEFT JOIN command_attempts a ON a.command_id = c.id
  WHERE c.id = ? ORDER BY a.position`;

export const READ_COMMAND_ID = 'SELECT id FROM commands WHERE task_id = ?';

/** First and last batch that is kept; null when there is none. Two look-ups at the ends of the key. */
export const READ_BATCH_BOUNDS = `
  SELECT (SELECT min(seq) FROM command_event_batches) AS oldest, (SELECT max(seq) FROM command_event_batches) AS newest`;

export interface BatchBounds {
  readonly oldest: number | null;
  readonly newest: number | null;
}

export interface BatchRow {
  readonly seq: number;
  readonly at: number;
  /** The JSON text of an `EventBatch`. */
  readonly events: string;
}

export const READ_BATCH = 'SELECT seq, at, events FROM command_event_batches WHERE seq = ?';

/** Batches of one read, and the characters of JSON after which no further one is added to it. */
const BATCHES_MAX = 64;
const BATCH_CHARACTERS_MAX = 64 * 1024;

/** The next batches from a number on, together not much larger than `BATCH_CHARACTERS_MAX`; always the first. */
export const READ_BATCHES = `
  SELECT seq, at, events FROM (
    SELECT seq, at, events, sum(length(events)) OVER (ORDER BY seq) - length(events) AS before
    FROM (SELECT * FROM command_event_batches WHERE seq >= ? ORDER BY seq LIMIT ${BATCHES_MAX}))
  WHERE before < ${BATCH_CHARACTERS_MAX} ORDER BY seq`;

export interface NameRow {
  readonly id: number;
  readonly taskId: string;
  readonly taskType: string;
}

/** Names of commands by a JSON array of ids; those that are forgotten are left out. */
export const READ_NAMES = `
  SELECT c.id, c.task_id AS taskId, c.task_type AS taskType FROM json_each(?) j JOIN commands c ON c.id = j.value`;

export interface EndRow {
  /** Position in the list that was asked. */
  readonly place: number;
  readonly error: string | null;
  readonly nextAt: number | null;
}

/*
 * What is kept of the ends that a JSON array of [id, attempt, at] names. A number of attempt comes again in every run:
 * the latest that had ended by then is meant.
 */
export const READ_RETRIES = `
  SELECT j.key AS place, a.error, a.next_at AS nextAt
  FROM json_each(?) j JOIN command_attempts a ON a.command_id = j.value ->> 0 AND a.attempt = j.value ->> 1
    AND a.ended_at <= j.value ->> 2
  WHERE a.outcome NOT IN ('failure', 'partial_success', 'cancelled', 'expired') ORDER BY j.key, a.position`;

export const READ_FINALS = `
  SELECT j.key AS place, a.error, NULL AS nextAt, a.position AS position
  FROM json_each(?1) j JOIN command_attempts a ON a.command_id = j.value ->> 0 AND a.ended_at <= j.value ->> 2
  WHERE a.outcome IN ('failure', 'partial_success')
  UNION ALL
  SELECT j.key, r.error, NULL, ${Number.MAX_SAFE_INTEGER}
  FROM json_each(?1) j JOIN commands c ON c.id = j.value ->> 0 AND c.finished_at <= j.value ->> 2
  JOIN command_results r ON r.command_id = c.id
  ORDER BY place, position`;
