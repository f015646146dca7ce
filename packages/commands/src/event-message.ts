import type { CommandError, CommandEvent, CommandEventType, CommandStatus } from '@millrace/kit';
import { EVENT_ORDER, type EventBatch, type StoredEventKind } from './sql/record-events.ts';

interface Kind {
  readonly type: CommandEventType;
  readonly status: CommandStatus;
}

/** What each stored kind is called outside, and the state that the command is in by it. */
export const EVENT_KINDS: Readonly<Record<StoredEventKind, Kind>> = {
  queued: { type: 'command.queued', status: 'QUEUED' },
  started: { type: 'command.started', status: 'RUNNING' },
  retrying: { type: 'command.retrying', status: 'RETRYING' },
  succeeded: { type: 'command.succeeded', status: 'SUCCESS' },
  partial: { type: 'command.succeeded', status: 'PARTIAL_SUCCESS' },
  failed: { type: 'command.failed', status: 'FAILURE' },
  cancelled: { type: 'command.cancelled', status: 'CANCELLED' },
  expired: { type: 'command.expired', status: 'EXPIRED' },
};

export interface EventParts {
  readonly id: string;
  readonly kind: StoredEventKind;
  readonly taskId: string;
  readonly taskType: string;
  readonly attempt: number;
  /** ISO 8601 instant: one text serves all events of a commit. */
  readonly at: string;
  /** A JSON text. */
  readonly error?: string | null | undefined;
  /** Ms since the epoch; of `retrying` only. */
  readonly nextAt?: number | null | undefined;
}

/** The public shape of a state event. */
export function stateEvent({ id, kind, taskId, taskType, attempt, at, error, nextAt }: EventParts): CommandEvent {
  const event = { id, ...EVENT_KINDS[kind], taskId, taskType, attempt, at };
  const hasError = error !== null && error !== undefined;
  const hasNext = kind === 'retrying' && nextAt !== null && nextAt !== undefined;
  if (!hasError && !hasNext) return event;
  return {
    ...event,
    ...(hasError ? { error: JSON.parse(error) as CommandError } : {}),
    ...(hasNext ? { nextAttemptAt: new Date(nextAt).toISOString() } : {}),
  };
}

/** An event as a batch of the stream of all commands lists it. */
export interface ListedEvent {
  readonly kind: StoredEventKind;
  /** The command's internal id. */
  readonly id: number;
  readonly attempt: number;
}

/** The events of a batch in the order that numbers them. */
export function listEvents(batch: EventBatch): ListedEvent[] {
  const listed: ListedEvent[] = [];
  for (const kind of EVENT_ORDER) {
    const flat = batch[kind] ?? [];
    for (let at = 0; at < flat.length; at += 2) {
      listed.push({ kind, id: flat[at] as number, attempt: flat[at + 1] as number });
    }
  }
  return listed;
}

/** How many events a batch holds. */
export function countEvents(batch: EventBatch): number {
  return EVENT_ORDER.reduce((sum, kind) => sum + (batch[kind]?.length ?? 0) / 2, 0);
}

/** A place in the stream of all commands: everything up to event `index` of batch `seq` has been seen. */
export interface Position {
  readonly seq: number;
  /** `Infinity` when the whole batch has been seen. */
  readonly index: number;
}

/** Before the first event ever. */
export const BEGINNING: Position = { seq: 0, index: Number.POSITIVE_INFINITY };

/** The id of an event in the stream of all commands. */
export function batchEventId(seq: number, index: number): string {
  return `${seq}-${index}`;
}

/** @returns `undefined` for what is none of our ids */
export function parseBatchEventId(id: string): Position | undefined {
  const parts = /^(\d{1,15})-(\d{1,9})$/.exec(id);
  return parts === null ? undefined : { seq: Number(parts[1]), index: Number(parts[2]) };
}
