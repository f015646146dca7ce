import { type Clock, systemClock } from './clock.ts';

export interface TokenBucketOptions {
  /** Tokens at most, and at the start: the size of a burst. */
  readonly capacity: number;
  /** Tokens that come back per ms: 0.01 is ten a second. */
  readonly refillPerMs: number;
  readonly clock?: Clock;
}

/** Lets bursts of `capacity` through and `refillPerMs` in the long run. O(1), no timers. */
export class TokenBucket {
  readonly #capacity: number;
  readonly #refillPerMs: number;
  readonly #clock: Clock;
  #tokens: number;
  #updatedAt: number;

  /** @throws RangeError when `capacity` or `refillPerMs` is not a positive finite number */
  constructor(options: TokenBucketOptions) {
    const { capacity, refillPerMs } = options;
    if (!(capacity > 0 && refillPerMs > 0 && Number.isFinite(capacity) && Number.isFinite(refillPerMs))) {
      throw new RangeError(`capacity (${capacity}) and refillPerMs (${refillPerMs}) must be positive and finite.`);
    }
    this.#capacity = capacity;
    this.#refillPerMs = refillPerMs;
    this.#clock = options.clock ?? systemClock;
    this.#tokens = capacity;
    this.#updatedAt = this.#clock.monotonic();
  }

  /** Takes `count` tokens if there are so many, all or none. */
  tryTake(count = 1): boolean {
    this.#refill();
    if (this.#tokens < count) return false;
    this.#tokens -= count;
    return true;
  }

  /** In how many whole ms `count` tokens will be there if nobody takes any; Infinity when they never fit. */
  msUntil(count = 1): number {
    if (count > this.#capacity) return Number.POSITIVE_INFINITY;
    this.#refill();
    return this.#tokens >= count ? 0 : Math.ceil((count - this.#tokens) / this.#refillPerMs);
  }

  #refill(): void {
    const now = this.#clock.monotonic();
    this.#tokens = Math.min(this.#capacity, this.#tokens + (now - this.#updatedAt) * this.#refillPerMs);
    this.#updatedAt = now;
  }
}
