import type { AppError } from './app-error.ts';
import { type Clock, systemClock } from './clock.ts';
import { kitError } from './errors.ts';

/**
 * The commit train: many callers, one writer at a time, no fixed linger.
 *
 * ```
 *  add ──► boarding batch ──(idle: next microtask)──► flush in flight ──► every caller gets its own answer
 *              │  full                                      │ done
 *              ▼                                            ▼
 *          waiting batches ────────────────────────► the next one leaves at once
 * ```
 *
 * When nothing is in flight, what was added in one tick leaves at the end of that tick: at low load an item waits for
 * one flush only. While a flush is in flight, items gather; the longer it takes, the more of them share the next one.
 * A batch is cut when it is filled, so items are never copied from one array to another.
 */
export interface BatcherOptions<TItem, TResult> {
  /** Who it is, for errors. Default `'batcher'`. */
  readonly name?: string;
  /**
   * Writes a batch; returns one answer per item, in order. `ItemFailure` rejects that item alone; a rejection, or
   * another number of answers, rejects every item of the batch.
   */
  readonly flush: (items: readonly TItem[]) => Promise<readonly (TResult | ItemFailure)[]>;
  /** Bytes of an item, asked once. Default: 0, so that the limits in bytes mean nothing. */
  readonly sizeOf?: (item: TItem) => number;
  /** Items of one flush at most. Default 1,000; larger gives more throughput and longer flushes. */
  readonly batchSizeMax?: number;
  /** Bytes of one flush at most; a larger item leaves alone. Default 4 MiB. */
  readonly batchBytesMax?: number;
  /** Items waiting or in flight at most; beyond, `add` rejects OVERLOADED. Default 100,000. */
  readonly pendingMax?: number;
  /** The same in bytes. Default 64 MiB. */
  readonly pendingBytesMax?: number;
  /** Called after every flush; for histograms. */
  readonly onFlush?: (flush: FlushReport) => void;
  readonly clock?: Clock;
}

export interface FlushReport {
  readonly items: number;
  readonly bytes: number;
  readonly durationMs: number;
  /** False when the whole batch was rejected. */
  readonly ok: boolean;
}

export interface BatcherStats {
  /** Items waiting or in flight. */
  readonly pending: number;
  readonly pendingBytes: number;
  /** Items of the flush in flight. */
  readonly inFlight: number;
  readonly flushes: number;
  /** Items that were answered, well or not. */
  readonly items: number;
  /** Of those, the rejected ones. */
  readonly failed: number;
  /** Items refused because too many were pending. */
  readonly shed: number;
  /** Time spent in flushes, summed: divide by `flushes` for the mean. */
  readonly flushMs: number;
}

/** In the answers of a flush: this item failed, the others did not. */
export class ItemFailure {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

export const BATCHER_DEFAULTS = {
  name: 'batcher',
  batchSizeMax: 1_000,
  batchBytesMax: 4 * 2 ** 20,
  pendingMax: 100_000,
  pendingBytesMax: 64 * 2 ** 20,
} as const;

/** Before the first flush there is no speed to estimate a retry from. */
const RETRY_AFTER_MS_MIN = 100;

interface Batch<TItem, TResult> {
  readonly items: TItem[];
  readonly resolves: ((result: TResult) => void)[];
  readonly rejects: ((error: unknown) => void)[];
  bytes: number;
}

/** A flush that is over: `answers` when it went through, else `error`. */
interface Landed<TItem, TResult> {
  readonly batch: Batch<TItem, TResult>;
  readonly answers: readonly (TResult | ItemFailure)[] | undefined;
  readonly error: unknown;
  readonly durationMs: number;
}

/** Gathers items into batches and writes one batch at a time; see the top of the file. */
export class Batcher<TItem, TResult> implements AsyncDisposable {
  readonly #options: Required<Omit<BatcherOptions<TItem, TResult>, 'onFlush' | 'sizeOf'>>;
  readonly #sizeOf: ((item: TItem) => number) | undefined;
  readonly #onFlush: ((flush: FlushReport) => void) | undefined;
  /** Full batches, oldest first; the one that still takes items is `#boarding`. */
  readonly #waiting: Batch<TItem, TResult>[] = [];
  #boarding: Batch<TItem, TResult> = newBatch();
  #inFlight = 0;
  /** Whether a flush is in flight or called for; then nobody else starts one. */
  #running = false;
  #closed = false;
  #onIdle: (() => void)[] = [];
  #pending = 0;
  #pendingBytes = 0;
  #flushes = 0;
  #items = 0;
  #failed = 0;
  #shed = 0;
  #flushMs = 0;

  constructor(options: BatcherOptions<TItem, TResult>) {
    this.#options = { ...BATCHER_DEFAULTS, clock: systemClock, ...options };
    this.#sizeOf = options.sizeOf;
    this.#onFlush = options.onFlush;
    const { batchSizeMax, pendingMax } = this.#options;
    if (!(batchSizeMax >= 1 && pendingMax >= 1)) {
      throw new RangeError(`batchSizeMax (${batchSizeMax}) and pendingMax (${pendingMax}) must be at least 1.`);
    }
  }

  /**
   * Hands an item over; resolves with its answer once its flush is done.
   *
   * @throws (rejects) OVERLOADED with `retryAfterMs` when too much is pending, CLOSED after `close`, else what the
   *   flush said about this item
   */
  add(item: TItem): Promise<TResult> {
    const bytes = this.#sizeOf === undefined ? 0 : this.#sizeOf(item);
    const refusal = this.#refusal(bytes);
    if (refusal !== undefined) return Promise.reject(refusal);
    const batch = this.#batchFor(bytes);
    this.#pending++;
    this.#pendingBytes += bytes;
    batch.bytes += bytes;
    batch.items.push(item);
    if (!this.#running) {
      this.#running = true;
      queueMicrotask(() => void this.#run());
    }
    return new Promise((resolve, reject) => {
      batch.resolves.push(resolve);
      batch.rejects.push(reject);
    });
  }

  stats(): BatcherStats {
    return {
      pending: this.#pending,
      pendingBytes: this.#pendingBytes,
      inFlight: this.#inFlight,
      flushes: this.#flushes,
      items: this.#items,
      failed: this.#failed,
      shed: this.#shed,
      flushMs: this.#flushMs,
    };
  }

  /** Takes no more items; resolves when all that were taken have been answered. */
  close(): Promise<void> {
    this.#closed = true;
    if (!this.#running) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle.push(resolve);
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #refusal(bytes: number): AppError | undefined {
    const { pendingMax, pendingBytesMax, name } = this.#options;
    if (this.#closed) return kitError('CLOSED', { details: { name } });
    // An item that is larger than the whole limit still passes when nothing else is pending.
    const fits = this.#pending < pendingMax && (this.#pending === 0 || this.#pendingBytes + bytes <= pendingBytesMax);
    if (fits) return undefined;
    this.#shed++;
    const msPerItem = this.#items === 0 ? 0 : this.#flushMs / this.#items;
    return kitError('OVERLOADED', {
      details: { name, pending: this.#pending, pendingMax },
      retryAfterMs: Math.ceil(Math.max(RETRY_AFTER_MS_MIN, this.#pending * msPerItem)),
    });
  }

  #batchFor(bytes: number): Batch<TItem, TResult> {
    const { batchSizeMax, batchBytesMax } = this.#options;
    const boarding = this.#boarding;
    const size = boarding.items.length;
    if (size < batchSizeMax && (size === 0 || boarding.bytes + bytes <= batchBytesMax)) return boarding;
    this.#waiting.push(boarding);
    this.#boarding = newBatch();
    return this.#boarding;
  }

  async #run(): Promise<void> {
    for (let flight = this.#launch(); flight !== undefined; ) {
      const landed: Landed<TItem, TResult> = await flight;
      // The next flush leaves before the callers of this one go on: their work must not keep the writer idle.
      flight = this.#launch();
      this.#settle(landed);
    }
    this.#running = false;
    const waiters = this.#onIdle;
    this.#onIdle = [];
    for (const resolve of waiters) resolve();
  }

  #next(): Batch<TItem, TResult> | undefined {
    const full = this.#waiting.shift();
    if (full !== undefined) return full;
    const boarding = this.#boarding;
    if (boarding.items.length === 0) return undefined;
    this.#boarding = newBatch();
    return boarding;
  }

  #launch(): Promise<Landed<TItem, TResult>> | undefined {
    const batch = this.#next();
    this.#inFlight = batch === undefined ? 0 : batch.items.length;
    return batch === undefined ? undefined : this.#flush(batch);
  }

  /** Never rejects. */
  async #flush(batch: Batch<TItem, TResult>): Promise<Landed<TItem, TResult>> {
    const { clock, flush } = this.#options;
    const size = batch.items.length;
    const startedAt = clock.monotonic();
    try {
      const answers = await flush(batch.items);
      if (answers.length !== size) throw new TypeError(`Flush gave ${answers.length} answers for ${size} items.`);
      return { batch, answers, error: undefined, durationMs: clock.monotonic() - startedAt };
    } catch (error) {
      return { batch, answers: undefined, error, durationMs: clock.monotonic() - startedAt };
    }
  }

  #settle({ batch, answers, error, durationMs }: Landed<TItem, TResult>): void {
    const items = batch.items.length;
    this.#pending -= items;
    this.#pendingBytes -= batch.bytes;
    this.#items += items;
    this.#flushes++;
    this.#flushMs += durationMs;
    if (answers === undefined) {
      this.#failed += items;
      for (const reject of batch.rejects) reject(error);
    } else this.#answer(batch, answers);
    this.#onFlush?.({ items, bytes: batch.bytes, durationMs, ok: answers !== undefined });
  }

  #answer(batch: Batch<TItem, TResult>, answers: readonly (TResult | ItemFailure)[]): void {
    for (let index = 0; index < answers.length; index++) {
      const answer = answers[index] as TResult | ItemFailure;
      if (answer instanceof ItemFailure) {
        this.#failed++;
        batch.rejects[index]?.(answer.error);
      } else batch.resolves[index]?.(answer);
    }
  }
}

function newBatch<TItem, TResult>(): Batch<TItem, TResult> {
  return { items: [], resolves: [], rejects: [], bytes: 0 };
}
