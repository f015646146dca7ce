import type { Clock, Timer } from '@millrace/kit';
import { WAKE_MS_MAX } from './train-load.ts';

/** Rings when the next waiting command expires, so that its end does not wait until somebody has room to claim it. */
export class ExpiryAlarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #at = Number.POSITIVE_INFINITY;
  #timer: Timer | undefined;

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  isDue(now: number): boolean {
    return this.#at <= now;
  }

  /** A command expires at this instant, in ms since the epoch; `null`: none does. */
  expect(at: number | null): void {
    if (at === null || at >= this.#at) return;
    this.#at = at;
    this.#arm();
  }

  /** Forgets what was expected: a sweep is on its way, and its answer will say what comes next. */
  off(): void {
    this.#at = Number.POSITIVE_INFINITY;
    this.#timer?.cancel();
  }

  /** Looks again soon, whatever the distance: the wall clock may be set forward meanwhile. */
  #arm(): void {
    this.#timer?.cancel();
    const delayMs = Math.min(Math.max(0, this.#at - this.#clock.now()), WAKE_MS_MAX);
    this.#timer = this.#clock.schedule(delayMs, () => {
      if (this.isDue(this.#clock.now())) this.#ring();
      else this.#arm();
    });
  }
}
