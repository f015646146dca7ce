/** Weight of the newest observation; about the last twenty count. */
const WEIGHT = 0.05;

/**
 * How fast commands of a type start and how long they take, as moving averages (exponentially weighted): what O(1)
 * estimates of a place in the queue are made from.
 */
export class Pace {
  /** When one last ended and left others waiting or running; `undefined` while there is nothing to do. */
  #busySince: number | undefined;
  #gapMs: number | undefined;
  #durationMs: number | undefined;

  /**
   * One ended at `now`, after `durationMs` of its handler's time.
   *
   * @param leavesOthers whether more of the type wait or run: the time until the next end says how fast it is only then
   */
  note(now: number, durationMs: number, leavesOthers: boolean): void {
    if (this.#busySince !== undefined) this.#gapMs = moved(this.#gapMs, Math.max(0, now - this.#busySince));
    this.#busySince = leavesOthers ? now : undefined;
    this.#durationMs = moved(this.#durationMs, durationMs);
  }

  /** When a command with so many before it will have ended, in ms since the epoch. */
  estimate(now: number, ahead: number, dueAt: number): number {
    const durationMs = this.#durationMs ?? 0;
    return Math.round(Math.max(now, dueAt) + ahead * (this.#gapMs ?? durationMs) + durationMs);
  }
}

function moved(average: number | undefined, observed: number): number {
  return average === undefined ? observed : average + WEIGHT * (observed - average);
}
