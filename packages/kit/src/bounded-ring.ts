/** The last `capacity` values: pushing one more drops the oldest. O(1) per push; memory grows with use only. */
export class Ring<TValue> {
  readonly #values: TValue[] = [];
  readonly #capacity: number;
  /** Where the oldest value lies once the ring is full. */
  #oldest = 0;
  #dropped = 0;

  /** @throws RangeError when `capacity` is not a positive integer */
  constructor(capacity: number) {
    if (!Number.isInteger(capacity) || capacity < 1) {
      throw new RangeError(`capacity must be a positive integer, not ${capacity}.`);
    }
    this.#capacity = capacity;
  }

  push(value: TValue): void {
    if (this.#values.length < this.#capacity) {
      this.#values.push(value);
      return;
    }
    this.#values[this.#oldest] = value;
    this.#oldest = (this.#oldest + 1) % this.#capacity;
    this.#dropped++;
  }

  /** A copy, oldest first. */
  values(): TValue[] {
    return [...this.#values.slice(this.#oldest), ...this.#values.slice(0, this.#oldest)];
  }

  get size(): number {
    return this.#values.length;
  }

  /** How many values were dropped to make room, since the start. */
  get droppedCount(): number {
    return this.#dropped;
  }

  /** Forgets the values; they do not count as dropped. */
  clear(): void {
    this.#values.length = 0;
    this.#oldest = 0;
  }
}
