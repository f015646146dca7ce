import type { CommandEvent } from '@millrace/kit';
import { EventBell } from './event-bell.ts';
import type { Position } from './event-message.ts';
import { PROGRESS_VALUES_MAX, type ProgressEntry } from './event-progress.ts';

/** Events that wait in memory for one subscriber of all commands; past it they are read from the store instead. */
export const LIVE_EVENTS_MAX = 1_000;

/** A subscriber of one command: told that its history has grown, and given its progress. */
export class CommandSubscription {
  readonly id: number;
  readonly bell = new EventBell();
  closed = false;
  /** Whether the stored history may have grown since it was read. */
  isStale = true;
  #progress: ProgressEntry[];

  /** @param progress what the running attempt has reported so far */
  constructor(id: number, progress: readonly ProgressEntry[]) {
    this.id = id;
    this.#progress = [...progress];
  }

  /** The stored history has grown, or may have. */
  refresh(): void {
    this.isStale = true;
    this.bell.ring();
  }

  close(): void {
    this.closed = true;
    this.bell.ring();
  }

  addProgress(entry: ProgressEntry): void {
    this.#progress.push(entry);
    if (this.#progress.length > PROGRESS_VALUES_MAX) this.#progress.shift();
    this.bell.ring();
  }

  /** Takes what was reported up to the end of an attempt. */
  takeProgress(run: number, attempt: number): readonly ProgressEntry[] {
    if (this.#progress.length === 0) return this.#progress;
    const isLater = (entry: ProgressEntry) => entry.run > run || (entry.run === run && entry.attempt > attempt);
    const taken = this.#progress.filter((entry) => !isLater(entry));
    this.#progress = this.#progress.filter(isLater);
    return taken;
  }
}

/** A commit's events, or one report of progress. */
type Live =
  | { readonly seq: number; readonly events: readonly CommandEvent[] }
  | { readonly seq: undefined; readonly events: readonly [CommandEvent] };

/** A subscriber of all commands: a bounded queue of live events, and the number of the last batch that there is. */
export class StreamSubscription {
  readonly bell = new EventBell();
  readonly #limit: number;
  readonly #queue: Live[] = [];
  #queued = 0;
  closed = false;
  /** The first batch that was announced to this subscriber; `Infinity` before. */
  first = Number.POSITIVE_INFINITY;
  /** The last one. */
  newest = 0;
  /** Whether batches may have been stored that nobody announces: by other processes. */
  isStale = false;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether so many events more may wait in memory. */
  hasRoom(count: number): boolean {
    return this.#queued + count <= this.#limit;
  }

  /** @param events undefined when they are to be read from the store, as they are when they have no room */
  announce(seq: number, events: readonly CommandEvent[] | undefined): void {
    this.first = Math.min(this.first, seq);
    this.newest = Math.max(this.newest, seq);
    if (events !== undefined && this.hasRoom(events.length)) this.#enqueue({ seq, events });
    this.bell.ring();
  }

  addProgress(event: CommandEvent): void {
    // Progress is what may be missed: it never pushes state events out of memory.
    if (!this.hasRoom(1)) return;
    this.#enqueue({ seq: undefined, events: [event] });
    this.bell.ring();
  }

  refresh(): void {
    this.isStale = true;
    this.bell.ring();
  }

  close(): void {
    this.closed = true;
    this.bell.ring();
  }

  /** The next events if they are in memory and nothing is missing before them. */
  take(after: Position): Live | undefined {
    for (let head = this.#queue[0]; head !== undefined; head = this.#queue[0]) {
      const isMissingSome = after.index !== Number.POSITIVE_INFINITY;
      if (head.seq !== undefined && (head.seq > after.seq + 1 || (head.seq > after.seq && isMissingSome)))
        return undefined;
      this.#queue.shift();
      this.#queued -= head.events.length;
      // A batch of which only a part was seen is read from the store.
      if (head.seq === undefined || head.seq > after.seq) return head;
    }
    return undefined;
  }

  #enqueue(live: Live): void {
    this.#queue.push(live);
    this.#queued += live.events.length;
  }
}
