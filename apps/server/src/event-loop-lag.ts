import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type Clock, systemClock, type Timer } from '@millrace/kit';

const SAMPLE_MS = 20;
/** The lag is judged over so long; then the next stretch begins. */
const STRETCH_MS = 1_000;
/** What a refused caller is told to wait. */
const RETRY_AFTER_MS = 2_000;
const NS_PER_MS = 1e6;

/** Watches how late the event loop runs: the sign of a process that has more to compute than time for it. */
export class EventLoopLag implements Disposable {
  readonly #maxMs: number;
  readonly #delays = monitorEventLoopDelay({ resolution: SAMPLE_MS });
  readonly #clock: Clock;
  #lagMs = 0;
  #timer: Timer | undefined;

  /** @param maxMs mean lag of a second above which nothing is taken in */
  constructor(maxMs: number, clock: Clock = systemClock) {
    this.#maxMs = maxMs;
    this.#clock = clock;
    this.#delays.enable();
    this.#next();
  }

  /** In ms, after which a refused caller may try again; `undefined` while there is nothing to refuse for. */
  overloaded(): number | undefined {
    return this.#lagMs > this.#maxMs ? RETRY_AFTER_MS : undefined;
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
    this.#delays.disable();
  }

  #next(): void {
    this.#timer = this.#clock.schedule(STRETCH_MS, () => {
      const meanMs = this.#delays.mean / NS_PER_MS;
      this.#lagMs = Number.isNaN(meanMs) ? 0 : Math.max(0, meanMs - SAMPLE_MS);
      this.#delays.reset();
      this.#next();
    });
  }
}
