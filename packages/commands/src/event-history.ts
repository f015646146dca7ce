import { type CommandEvent, isTerminal } from '@millrace/kit';
import { stateEvent } from './event-message.ts';
import type { HistoryRow } from './sql/read-events.ts';
import type { StoredEventKind } from './sql/record-events.ts';

/** A stored event of one command. */
export interface HistoryEvent {
  /** Its id as a number: ascending, and the same whenever the history is read. */
  readonly ordinal: number;
  readonly run: number;
  /** Whether it ends the attempt that it names. */
  readonly isEnd: boolean;
  readonly event: CommandEvent;
}

export interface History {
  readonly events: readonly HistoryEvent[];
  /** The highest id that an event of this history can have been sent with so far. */
  readonly ordinalMax: number;
  /** True when the current run has ended. */
  readonly isOver: boolean;
  readonly run: number;
  readonly attempt: number;
}

/** Every attempt has three places in the numbering: opened, started, ended. Those that did not happen stay empty. */
const PLACES = 3;

const KIND_OF_OUTCOME: Readonly<Record<string, StoredEventKind>> = {
  success: 'succeeded',
  partial_success: 'partial',
  failure: 'failed',
  cancelled: 'cancelled',
  expired: 'expired',
};

/** An attempt as its row tells it, or the command's own row of the current one. */
interface Attempt {
  readonly run: number;
  readonly attempt: number;
  readonly queuedAt: number;
  readonly startedAt: number | null;
  /** `undefined` while it goes on. */
  readonly end: { readonly kind: StoredEventKind; readonly at: number; readonly error: string | null } | undefined;
  readonly nextAt: number | null;
}

/** What is to be said of an event; `at` and `nextAt` in ms since the epoch. */
interface Told {
  readonly kind: StoredEventKind;
  readonly attempt: number;
  readonly at: number;
  readonly error?: string | null;
  readonly nextAt?: number | null;
}

/**
 * The state events of one command, derived from what is stored of its attempts. An event's id follows from the place of
 * its attempt in the history, so it never changes as the history grows: not by a retry, not by the next run, and not
 * when an attempt is given back unstarted (which takes a `started` back; the next one has the same id). The `at` of a
 * start is when the command was leased while it runs, and when its handler began once the attempt has ended.
 *
 * @param rows the command joined with its attempts in order; at least one
 */
export function historyOf(rows: readonly [HistoryRow, ...HistoryRow[]]): History {
  const [row] = rows;
  const kept = rows.flatMap((each) => (each.a_run === null ? [] : [keptAttempt(each)]));
  // A run's last attempt is moved to the attempts when the next run opens: then the row has begun afresh.
  const attempts = [...kept, currentAttempt(row)];
  const events: HistoryEvent[] = [];
  let run = 0;
  let started = 0;
  for (const [slot, attempt] of attempts.entries()) {
    const add = (place: number, told: Told) => {
      const { taskId, taskType } = row;
      const ordinal = slot * PLACES + place;
      const event = stateEvent({ ...told, id: String(ordinal), taskId, taskType, at: new Date(told.at).toISOString() });
      events.push({ ordinal, run: attempt.run, isEnd: place === PLACES, event });
    };
    if (attempt.run > run) {
      add(1, { kind: 'queued', attempt: 0, at: attempt.queuedAt });
      run = attempt.run;
      started = 0;
    }
    if (attempt.attempt > started && attempt.startedAt !== null) {
      started = attempt.attempt;
      add(2, { kind: 'started', attempt: started, at: attempt.startedAt });
    }
    if (attempt.end !== undefined) add(PLACES, { ...attempt.end, attempt: attempt.attempt, nextAt: attempt.nextAt });
  }
  const isOver = isTerminal(row.status);
  const ordinalMax = kept.length * PLACES + (isOver ? PLACES : PLACES - 1);
  return { events, ordinalMax, isOver, run: row.run, attempt: row.attempts };
}

function keptAttempt(row: HistoryRow): Attempt {
  const kind = KIND_OF_OUTCOME[row.a_outcome as string] ?? 'retrying';
  return {
    run: row.a_run as number,
    attempt: row.a_attempt as number,
    queuedAt: row.a_queued_at as number,
    startedAt: row.a_started_at,
    end: { kind, at: row.a_ended_at as number, error: row.a_error },
    nextAt: row.a_next_at,
  };
}

function currentAttempt(row: HistoryRow): Attempt {
  const kind = KIND_OF_OUTCOME[row.status.toLowerCase()];
  const isEnded = kind !== undefined && row.finishedAt !== null;
  return {
    run: row.run,
    attempt: row.attempts,
    queuedAt: row.queuedAt,
    startedAt: row.startedAt,
    end: isEnded ? { kind, at: row.finishedAt, error: row.error } : undefined,
    nextAt: null,
  };
}
