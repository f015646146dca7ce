import type { RateLimit } from './define-command.ts';

/** The most starts that one window counts; each costs 8 bytes while it is inside. */
export const RATE_LIMIT_MAX = 10_000;

/** The first piece of memory for start times, in entries; most lanes never need more. */
const TIMES_CAPACITY_MIN = 4;

/**
 * Exactly "at most `limit` starts in any window of `perMs`": a window is [t, t + perMs), so a start leaves it `perMs`
 * later to the ms. Unlike a token bucket or fixed windows it never lets a double burst through.
 *
 * A start that is on its way (claimed, not begun) is reserved: it counts as inside every window until it begins
 * (`started`) or is returned (`giveBack`), so claiming early can never break the promise, however long the way takes.
 *
 * Time is monotonic ms passed by the caller. Memory follows the starts inside the window.
 */
export class SlidingWindow {
  readonly #limit: number;
  readonly #perMs: number;
  /** A ring of start times in ascending order; its length is a power of two. */
  #times = new Float64Array(TIMES_CAPACITY_MIN);
  #head = 0;
  #count = 0;
  #reserved = 0;

  /** @throws RangeError when `limit` is not an integer from 1 to `RATE_LIMIT_MAX` or `perMs` not positive and finite */
  constructor({ limit, perMs }: RateLimit) {
    if (!Number.isInteger(limit) || limit < 1 || limit > RATE_LIMIT_MAX) {
      throw new RangeError(`rate.limit must be an integer from 1 to ${RATE_LIMIT_MAX}, not ${limit}.`);
    }
    if (!(perMs > 0 && Number.isFinite(perMs))) {
      throw new RangeError(`rate.perMs must be a positive number of ms, not ${perMs}.`);
    }
    this.#limit = limit;
    this.#perMs = perMs;
  }

  /** How many more starts may be reserved now. */
  available(now: number): number {
    this.#prune(now);
    return Math.max(0, this.#limit - this.#count - this.#reserved);
  }

  /** Starts that are reserved and have neither begun nor been given back. */
  get reserved(): number {
    return this.#reserved;
  }

  /** Reserves `count` starts, all or none. */
  reserve(now: number, count = 1): boolean {
    if (this.available(now) < count) return false;
    this.#reserved += count;
    return true;
  }

  /**
   * A reserved start begins now.
   *
   * @throws RangeError when nothing is reserved
   */
  started(now: number): void {
    this.giveBack();
    this.#prune(now);
    this.#push(now);
  }

  /**
   * Reserved starts will not begin.
   *
   * @throws RangeError when fewer are reserved
   */
  giveBack(count = 1): void {
    if (count > this.#reserved) {
      throw new RangeError(`Only ${this.#reserved} starts are reserved; ${count} cannot begin or be given back.`);
    }
    this.#reserved -= count;
  }

  /**
   * In how many whole ms the next start may be reserved: 0 for now, Infinity while reserved starts alone fill the
   * limit, so that only `started` or `giveBack` can change anything.
   */
  msUntilNext(now: number): number {
    if (this.available(now) > 0) return 0;
    if (this.#reserved >= this.#limit) return Number.POSITIVE_INFINITY;
    // So many of the oldest must leave before one more fits.
    const leaving = this.#count + this.#reserved - this.#limit + 1;
    const last = this.#at(leaving - 1);
    return Math.max(1, Math.ceil(this.#perMs - (now - last)));
  }

  /**
   * Takes over starts that happened elsewhere or before a restart, in any order, instead of those that it knows;
   * reservations stay. Of more than `limit` the latest decide, so only they are kept.
   */
  restore(times: readonly number[]): void {
    const latest = Float64Array.from(times).sort().slice(-this.#limit);
    this.#head = 0;
    this.#count = 0;
    this.#times = new Float64Array(TIMES_CAPACITY_MIN);
    for (const time of latest) this.#push(time);
  }

  /** The starts inside the window at `now`, ascending; what `restore` takes elsewhere. */
  times(now: number): number[] {
    this.#prune(now);
    return Array.from({ length: this.#count }, (_, index) => this.#at(index));
  }

  /** Drops starts that have left; the difference is taken as everywhere, so rounding is the same everywhere. */
  #prune(now: number): void {
    while (this.#count > 0 && now - this.#at(0) >= this.#perMs) {
      this.#head = (this.#head + 1) & (this.#times.length - 1);
      this.#count--;
    }
    if (this.#times.length > TIMES_CAPACITY_MIN && this.#count * 4 < this.#times.length)
      this.#resize(this.#times.length / 2);
  }

  #push(time: number): void {
    if (this.#count === this.#times.length) this.#resize(this.#times.length * 2);
    // A caller's clock that went back must not break the order; later is the safe side.
    const ordered = this.#count === 0 ? time : Math.max(time, this.#at(this.#count - 1));
    this.#times[(this.#head + this.#count) & (this.#times.length - 1)] = ordered;
    this.#count++;
  }

  #at(index: number): number {
    return this.#times[(this.#head + index) & (this.#times.length - 1)] ?? 0;
  }

  #resize(length: number): void {
    const times = new Float64Array(length);
    for (let index = 0; index < this.#count; index++) times[index] = this.#at(index);
    this.#times = times;
    this.#head = 0;
  }
}
