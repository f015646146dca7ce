import type { Store } from '@millrace/engines/store';
import { type Clock, type Logger, type Service, sleep, type Timer } from '@millrace/kit';
import {
  COUNT_ENDED,
  COUNT_ENDED_SINCE,
  pruneCommands,
  READ_REUSABLE_BYTES,
  trimTables,
} from './sql/prune-procedures.ts';

const MS_PER_MINUTE = 60_000;
const MS_PER_DAY = 24 * 60 * MS_PER_MINUTE;
const MEBI = 1024 * 1024;

/** How long ended commands and what belongs to them are kept. Whichever limit is reached first counts. */
export interface RetentionLimits {
  /** Since the end, in ms; default 7 days. */
  readonly retentionMs: number;
  /** Ended commands in the store; default 10,000,000. */
  readonly rowsMax: number;
  /** Free bytes, on the disk and inside the database, below which the oldest go; default 1 GiB. */
  readonly freeBytesMin: number;
  /** Free bytes below which nothing is taken in any more; default 128 MiB: room for the ends of what is there. */
  readonly freeBytesFloor: number;
}

export const retentionDefaults: RetentionLimits = {
  retentionMs: 7 * MS_PER_DAY,
  rowsMax: 10_000_000,
  freeBytesMin: 1024 * MEBI,
  freeBytesFloor: 128 * MEBI,
};

/** Commands of one transaction: some ms of the writer's time. */
const SLICE_ROWS = 500;
/** Rows of each side table that one transaction trims. */
const TRIM_ROWS = 2_000;
/** Between slices the writer is left alone for as long as the slice took, within these bounds, in ms. */
const PAUSE_MS_MIN = 2;
const PAUSE_MS_MAX = 100;
/** Between passes, in ms. */
const PASS_INTERVAL_MS = 10_000;
/** After the limit of rows was reached it is undercut by this share, so that counting is rare. */
const ROWS_SLACK = 0.01;
/** Nothing younger goes, whatever the limits: who waits for it must find it. In ms. */
const AGE_MS_MIN = MS_PER_MINUTE;
/** Events can be resumed for so long, in ms, and over so many commits. */
const EVENTS_KEPT_MS = MS_PER_DAY;
const EVENT_BATCHES_MAX = 50_000;
/** Rate limits remember their starts for so long, in ms. */
const STARTS_KEPT_MS = MS_PER_DAY;
/** Statistics are kept for so long, in minutes. */
const ROLLUPS_KEPT_MINUTES = 400 * 24 * 60;

export interface RetentionOptions extends Partial<RetentionLimits> {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What is known of the number of ended commands: counted once, then carried on. */
interface Count {
  readonly rows: number;
  readonly minute: number;
  /** Ends that the rollups of `minute` and later held when it was counted. */
  readonly endedThen: number;
}

/**
 * Deletes what has ended and is past its limits, in slices with pauses between them, so that the hot path never waits
 * longer than for one slice. Looks after the disk as well: `diskIsLow` closes the intake before the disk is full, so
 * that what has been accepted can still end.
 */
export class Retention implements Service {
  readonly #options: RetentionOptions & RetentionLimits;
  #state: 'new' | 'running' | 'stopped' = 'new';
  #timer: Timer | undefined;
  #pass: Promise<number> | undefined;
  readonly #abort = new AbortController();
  #count: Count | undefined;
  #freeBytes: number | undefined;
  /** Since the start: commands deleted by reason, rows of side tables, passes. */
  readonly counts = { age: 0, rows: 0, disk: 0, trimmed: 0, passes: 0 };

  constructor(options: RetentionOptions) {
    this.#options = { ...retentionDefaults, ...options };
  }

  async start(): Promise<void> {
    if (this.#state !== 'new') return;
    this.#state = 'running';
    await this.#lookAtDisk();
    this.#schedule();
  }

  async stop(): Promise<void> {
    this.#state = 'stopped';
    this.#timer?.cancel();
    this.#abort.abort();
    await this.#pass;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Whether so little room is left that nothing new may be taken in. O(1): as of the last look. */
  diskIsLow(): boolean {
    return this.#freeBytes !== undefined && this.#freeBytes < this.#options.freeBytesFloor;
  }

  /** Free bytes on the disk and inside the database at the last look; undefined where that means nothing. */
  get freeBytes(): number | undefined {
    return this.#freeBytes;
  }

  /** One pass now, without pauses; for tests and operators. @returns commands deleted */
  async runOnce(): Promise<number> {
    await this.#pass;
    return this.#run(false);
  }

  #schedule(): void {
    if (this.#state !== 'running') return;
    this.#timer = this.#options.clock.schedule(PASS_INTERVAL_MS, () => {
      this.#pass = this.#run(true).finally(() => {
        this.#pass = undefined;
        this.#schedule();
      });
    });
  }

  async #run(isPolite: boolean): Promise<number> {
    const before = this.#deleted();
    try {
      await this.#lookAtDisk();
      const { clock, retentionMs } = this.#options;
      const isExpired = { before: clock.now() - Math.max(retentionMs, AGE_MS_MIN), limit: SLICE_ROWS };
      await this.#repeat(isPolite, async () => this.#prune('age', isExpired));
      await this.#pruneRows(isPolite);
      await this.#pruneForDisk(isPolite);
      await this.#repeat(isPolite, () => this.#trim());
      this.counts.passes += 1;
    } catch (error) {
      this.#options.logger.error('Retention failed; it is tried again', { error });
    }
    return this.#deleted() - before;
  }

  async #pruneRows(isPolite: boolean): Promise<void> {
    const { rowsMax, clock } = this.#options;
    if ((await this.#estimate()) <= rowsMax) return;
    // Removals by others are not in the estimate: what decides is counted.
    this.#count = undefined;
    let over = (await this.#estimate()) - Math.floor(rowsMax * (1 - ROWS_SLACK));
    if (over <= rowsMax * ROWS_SLACK) return;
    const before = clock.now() - AGE_MS_MIN;
    await this.#repeat(isPolite, async () => {
      const limit = Math.min(SLICE_ROWS, over);
      const deleted = limit <= 0 ? 0 : await this.#prune('rows', { before, limit });
      over -= deleted;
      return deleted > 0 && over > 0 ? deleted : 0;
    });
  }

  async #pruneForDisk(isPolite: boolean): Promise<void> {
    const { freeBytesMin, clock } = this.#options;
    const before = clock.now() - AGE_MS_MIN;
    await this.#repeat(isPolite, async () => {
      await this.#lookAtDisk();
      if (this.#freeBytes === undefined || this.#freeBytes >= freeBytesMin) return 0;
      return this.#prune('disk', { before, limit: SLICE_ROWS });
    });
  }

  async #prune(why: 'age' | 'rows' | 'disk', args: { before: number; limit: number }): Promise<number> {
    const deleted = await this.#options.store.write(pruneCommands, args);
    this.counts[why] += deleted;
    if (this.#count !== undefined) this.#count = { ...this.#count, rows: this.#count.rows - deleted };
    return deleted;
  }

  async #trim(): Promise<number> {
    const now = this.#options.clock.now();
    const trimmed = await this.#options.store.write(trimTables, {
      ...{ now, limit: TRIM_ROWS, eventBatchesMax: EVENT_BATCHES_MAX },
      eventsBefore: now - EVENTS_KEPT_MS,
      startsBefore: now - STARTS_KEPT_MS,
      rollupsBefore: Math.floor(now / MS_PER_MINUTE) - ROLLUPS_KEPT_MINUTES,
    });
    this.counts.trimmed += trimmed;
    return trimmed;
  }

  /** Ended commands: counted off the hot path at first, then carried on by the rollups, a few rows each minute. */
  async #estimate(): Promise<number> {
    const { clock } = this.#options;
    if (this.#count === undefined) {
      const minute = Math.floor(clock.now() / MS_PER_MINUTE);
      const endedThen = await this.#number(COUNT_ENDED_SINCE, minute);
      this.#count = { rows: await this.#number(COUNT_ENDED), minute, endedThen };
    }
    const { rows, minute, endedThen } = this.#count;
    return rows + (await this.#number(COUNT_ENDED_SINCE, minute)) - endedThen;
  }

  async #number(sql: string, ...values: readonly number[]): Promise<number> {
    const [row] = await this.#options.store.query<{ count: number }>(sql, ...values);
    return row?.count ?? 0;
  }

  /** What deletion frees stays inside the database: it counts as free, or the watermark would never be reached. */
  async #lookAtDisk(): Promise<void> {
    const { store, freeBytesFloor, logger } = this.#options;
    const onDisk = await store.freeBytes();
    if (onDisk === undefined) {
      this.#freeBytes = undefined;
      return;
    }
    const wasLow = this.diskIsLow();
    const [reusable] = await store.query<{ bytes: number }>(READ_REUSABLE_BYTES);
    this.#freeBytes = onDisk + (reusable?.bytes ?? 0);
    const freeBytes = this.#freeBytes;
    if (this.diskIsLow() && !wasLow) {
      logger.error('The disk is nearly full: nothing is taken in', { metadata: { freeBytes, freeBytesFloor } });
    }
  }

  /** Repeats a slice until it finds nothing more. */
  async #repeat(isPolite: boolean, slice: () => Promise<number>): Promise<void> {
    const { clock } = this.#options;
    for (;;) {
      if (this.#abort.signal.aborted) return;
      const began = clock.monotonic();
      if ((await slice()) === 0) return;
      const pauseMs = Math.min(Math.max(clock.monotonic() - began, PAUSE_MS_MIN), PAUSE_MS_MAX);
      if (isPolite) await sleep(clock, pauseMs, this.#abort.signal);
    }
  }

  #deleted(): number {
    const { age, rows, disk } = this.counts;
    return age + rows + disk;
  }
}
