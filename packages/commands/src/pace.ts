/** Weight of the newest observation; about the last twenty count. */
const WEIGHT = 0.05;

/**
 * How fast commands of a type start and how long they take, as moving averages (exponentially weighted): what O(1)
 * estimates of a place in the queue are made from.
 */
export class Pace {
  #lastAt: number | undefined;
  #gapMs: number | undefined;
  #durationMs = 0;

  /** One ended at `now`, after `durationMs` of its handler's time. */
  note(now: number, durationMs: number): void {
    if (this.#lastAt !== undefined) {
      const gap = Math.max(0, now - this.#lastAt);
      this.#gapMs = this.#gapMs === undefined ? gap : this.#gapMs + WEIGHT * (gap - this.#gapMs);
    }
    this.#lastAt = now;
    this.#durationMs += WEIGHT * (durationMs - this.#durationMs);
  }

  /** When a command with so many before it will have ended, in ms since the epoch. */
  estimate(now: number, ahead: number, dueAt: number): number {
    return Math.round(Math.max(now, dueAt) + ahead * (this.#gapMs ?? 0) + this.#durationMs);
  }
}
