import { type Clock, systemClock } from './clock.ts';

/**
 * A bounded map with expiry.
 *
 * One structure serves all three policies: entries hang in doubly linked queues, and the victim is the head of the
 * first queue. LRU and FIFO have one queue (a read moves an LRU entry to its end and leaves a FIFO entry where it is);
 * LFU has one queue for each number of uses, linked in ascending order, so that a use moves an entry to the next queue.
 * Every operation is O(1). A library does the LRU part only, and a Map alone would not do: finding its first key scans
 * the holes that deletions left.
 */
export interface CacheOptions {
  /** Entries at most; setting one more evicts one. Default 1,000. */
  readonly maxSize?: number;
  /** Ms after `set` until an entry is gone; Infinity for never. Default 3,600,000 (an hour). */
  readonly ttl?: number;
  /** Who goes when full: the least recently used, the least frequently used (of those the oldest), or the first set. */
  readonly evictionPolicy?: EvictionPolicy;
  readonly clock?: Clock;
}

export type EvictionPolicy = 'LRU' | 'LFU' | 'FIFO';

export interface CacheStats {
  /** Entries held; those that have expired count until they are looked up or evicted. */
  readonly size: number;
  readonly maxSize: number;
  /** `size` as a percentage of `maxSize`. */
  readonly utilization: number;
  readonly hits: number;
  readonly misses: number;
  /** Hits as a percentage of look-ups, with two decimals: `'87.50'`; `'0.00'` before the first. */
  readonly hitRate: string;
  /** Look-ups: hits and misses together. */
  readonly total: number;
  readonly ttl: number;
  readonly policy: EvictionPolicy;
}

export const CACHE_DEFAULTS = { maxSize: 1_000, ttl: 3_600_000, evictionPolicy: 'LRU' } as const;

interface Entry<TKey, TValue> {
  readonly key: TKey;
  value: TValue;
  setAt: number;
  queue: Queue<TKey, TValue>;
  previous: Entry<TKey, TValue> | undefined;
  next: Entry<TKey, TValue> | undefined;
}

interface Queue<TKey, TValue> {
  readonly uses: number;
  head: Entry<TKey, TValue> | undefined;
  tail: Entry<TKey, TValue> | undefined;
  previous: Queue<TKey, TValue> | undefined;
  next: Queue<TKey, TValue> | undefined;
}

export class Cache<TKey, TValue> {
  readonly #entries = new Map<TKey, Entry<TKey, TValue>>();
  readonly #maxSize: number;
  readonly #ttl: number;
  readonly #policy: EvictionPolicy;
  readonly #clock: Clock;
  /** The first queue: new entries join it. Under LFU it stays, even empty; queues of more uses come and go. */
  readonly #first: Queue<TKey, TValue> = newQueue(0);
  #hits = 0;
  #misses = 0;

  /** @throws RangeError when `maxSize` is not a positive integer or `ttl` not positive */
  constructor(options: CacheOptions = {}) {
    this.#maxSize = options.maxSize ?? CACHE_DEFAULTS.maxSize;
    this.#ttl = options.ttl ?? CACHE_DEFAULTS.ttl;
    this.#policy = options.evictionPolicy ?? CACHE_DEFAULTS.evictionPolicy;
    this.#clock = options.clock ?? systemClock;
    if (!Number.isInteger(this.#maxSize) || this.#maxSize < 1) {
      throw new RangeError(`maxSize must be a positive integer, not ${this.#maxSize}.`);
    }
    if (!(this.#ttl > 0)) throw new RangeError(`ttl must be more than 0 ms, not ${this.#ttl}.`);
  }

  get(key: TKey): TValue | undefined {
    const entry = this.#live(key);
    if (entry === undefined) {
      this.#misses++;
      return undefined;
    }
    this.#hits++;
    this.#used(entry);
    return entry.value;
  }

  /** Adds or replaces; a replaced entry lives anew and counts as used, and nobody is evicted for it. */
  set(key: TKey, value: TValue): void {
    const known = this.#entries.get(key);
    if (known !== undefined) {
      known.value = value;
      known.setAt = this.#clock.monotonic();
      this.#used(known);
      return;
    }
    if (this.#entries.size >= this.#maxSize) this.#evict();
    const queue = this.#first;
    const entry = { key, value, setAt: this.#clock.monotonic(), queue, previous: undefined, next: undefined };
    append(queue, entry);
    this.#entries.set(key, entry);
  }

  /** Whether `get` would find it; neither a use nor a look-up for the statistics. */
  has(key: TKey): boolean {
    return this.#live(key) !== undefined;
  }

  /** Returns whether there was something to delete. */
  delete(key: TKey): boolean {
    const entry = this.#live(key);
    if (entry !== undefined) this.#remove(entry);
    return entry !== undefined;
  }

  /** Drops every entry; the counts of hits and misses stay. */
  clear(): void {
    this.#entries.clear();
    this.#first.head = undefined;
    this.#first.tail = undefined;
    this.#first.next = undefined;
  }

  /** Entries held; those that have expired count until they are looked up or evicted. */
  size(): number {
    return this.#entries.size;
  }

  getStats(): CacheStats {
    const total = this.#hits + this.#misses;
    return {
      size: this.#entries.size,
      maxSize: this.#maxSize,
      utilization: (this.#entries.size / this.#maxSize) * 100,
      hits: this.#hits,
      misses: this.#misses,
      hitRate: (total === 0 ? 0 : (this.#hits / total) * 100).toFixed(2),
      total,
      ttl: this.#ttl,
      policy: this.#policy,
    };
  }

  #live(key: TKey): Entry<TKey, TValue> | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || this.#clock.monotonic() - entry.setAt < this.#ttl) return entry;
    this.#remove(entry);
    return undefined;
  }

  #used(entry: Entry<TKey, TValue>): void {
    if (this.#policy === 'FIFO') return;
    const from = entry.queue;
    const to = this.#policy === 'LRU' ? from : queueAfter(from);
    unlink(entry);
    append(to, entry);
    this.#dropIfEmpty(from);
  }

  #evict(): void {
    const victim = this.#first.head ?? this.#first.next?.head;
    if (victim !== undefined) this.#remove(victim);
  }

  #remove(entry: Entry<TKey, TValue>): void {
    this.#entries.delete(entry.key);
    unlink(entry);
    this.#dropIfEmpty(entry.queue);
  }

  #dropIfEmpty(queue: Queue<TKey, TValue>): void {
    if (queue.head !== undefined || queue.previous === undefined) return;
    queue.previous.next = queue.next;
    if (queue.next !== undefined) queue.next.previous = queue.previous;
  }
}

function newQueue<TKey, TValue>(uses: number): Queue<TKey, TValue> {
  return { uses, head: undefined, tail: undefined, previous: undefined, next: undefined };
}

/** The queue of one use more than `queue`, made if there is none. */
function queueAfter<TKey, TValue>(queue: Queue<TKey, TValue>): Queue<TKey, TValue> {
  if (queue.next?.uses === queue.uses + 1) return queue.next;
  const made = newQueue<TKey, TValue>(queue.uses + 1);
  made.previous = queue;
  made.next = queue.next;
  if (queue.next !== undefined) queue.next.previous = made;
  queue.next = made;
  return made;
}

function append<TKey, TValue>(queue: Queue<TKey, TValue>, entry: Entry<TKey, TValue>): void {
  entry.queue = queue;
  entry.previous = queue.tail;
  entry.next = undefined;
  if (queue.tail === undefined) queue.head = entry;
  else queue.tail.next = entry;
  queue.tail = entry;
}

function unlink<TKey, TValue>(entry: Entry<TKey, TValue>): void {
  if (entry.previous === undefined) entry.queue.head = entry.next;
  else entry.previous.next = entry.next;
  if (entry.next === undefined) entry.queue.tail = entry.previous;
  else entry.next.previous = entry.previous;
}
