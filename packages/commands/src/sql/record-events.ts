import type { SqlConnection } from '@millrace/engines/store';

/** Short names of stored state events; `partial` is a success in part. `progress` is never stored. */
export type StoredEventKind =
  | 'queued'
  | 'started'
  | 'retrying'
  | 'succeeded'
  | 'partial'
  | 'failed'
  | 'cancelled'
  | 'expired';

/**
 * The state events of one commit, as `command_event_batches` keeps them: kind → the ids of the commands and, in the
 * same order, the number of the attempt. Their order within the batch is the order of `EVENT_ORDER`, then of the ids
 * as listed: that order numbers them for `Last-Event-ID`.
 */
export type EventBatch = { [kind in StoredEventKind]?: number[] };

/** What happened to one command in one commit happened in this order. */
export const EVENT_ORDER: readonly StoredEventKind[] = [
  'retrying',
  'succeeded',
  'partial',
  'failed',
  'cancelled',
  'expired',
  'queued',
  'started',
];

/* The newest batch is never deleted by retention: the next one's number follows from it, and ids must not come again. */
const INSERT = `
  INSERT INTO command_event_batches (seq, at, events)
  VALUES ((SELECT coalesce(max(seq), 0) + 1 FROM command_event_batches), ?, ?) RETURNING seq`;

/** What an event tells of: a command's internal id and the number of its attempt. */
export interface EventSubject {
  readonly id: number;
  readonly attempt: number;
}

/** Adds an event to a batch: id and attempt follow one another in one flat list. */
export function addEvent(batch: EventBatch, kind: StoredEventKind, { id, attempt }: EventSubject): void {
  const list = batch[kind];
  if (list === undefined) batch[kind] = [id, attempt];
  else list.push(id, attempt);
}

/** @returns the number of the batch, 0 when there was nothing to record */
export function recordEvents(db: SqlConnection, now: number, batch: EventBatch): number {
  for (const _kind in batch) return db.get<{ seq: number }>(INSERT, now, JSON.stringify(batch))?.seq ?? 0;
  return 0;
}
