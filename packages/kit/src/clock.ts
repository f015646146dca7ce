/** A pending timer; cancel it when it is no longer needed. */
export interface Timer {
  cancel(): void;
}

/**
 * Where every package takes its time from, so that tests can move it.
 *
 * `now` is wall time (it may jump); `monotonic` never goes back and is what durations and leases are measured with.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Milliseconds since some fixed point; only differences mean anything. */
  monotonic(): number;
  /** Calls `callback` once after `delayMs`; a timer never keeps the process alive. */
  schedule(delayMs: number, callback: () => void): Timer;
}

/** Node clamps longer delays to 1 ms; ours are clamped to this and the owner must look again. */
export const TIMER_DELAY_MS_MAX = 2 ** 31 - 1;

/** The time of the machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  schedule(delayMs, callback) {
    const handle = setTimeout(callback, Math.min(Math.max(delayMs, 0), TIMER_DELAY_MS_MAX));
    handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
};

/** Resolves after `delayMs` of the clock's time, or at once when the signal aborts. Never rejects. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      timer.cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.schedule(delayMs, done);
    signal?.addEventListener('abort', done, { once: true });
  });
}

/** A clock that stands still until told to move; timers fire in order of their time while it advances. */
export class VirtualClock implements Clock {
  #now: number;
  #monotonic = 0;
  #sequence = 0;
  readonly #timers = new Map<number, { readonly dueAt: number; readonly callback: () => void }>();

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#now = startMs;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  schedule(delayMs: number, callback: () => void): Timer {
    const key = this.#sequence++;
    this.#timers.set(key, { dueAt: this.#monotonic + Math.max(delayMs, 0), callback });
    return { cancel: () => this.#timers.delete(key) };
  }

  /** In how many ms the next timer is due; `undefined` when none waits. */
  nextTimerMs(): number | undefined {
    const next = this.#next();
    return next === undefined ? undefined : Math.max(next.dueAt - this.#monotonic, 0);
  }

  /** Moves time by `ms`, firing every timer that falls due on the way, each at its own instant. */
  advance(ms: number): void {
    const end = this.#monotonic + ms;
    for (let next = this.#next(); next !== undefined && next.dueAt <= end; next = this.#next()) {
      this.#moveTo(Math.max(next.dueAt, this.#monotonic));
      this.#timers.delete(next.key);
      next.callback();
    }
    this.#moveTo(end);
  }

  /** Moves the wall clock only, as an operator or NTP would; timers and `monotonic` do not notice. */
  jump(ms: number): void {
    this.#now += ms;
  }

  #moveTo(monotonic: number): void {
    this.#now += monotonic - this.#monotonic;
    this.#monotonic = monotonic;
  }

  #next(): { readonly key: number; readonly dueAt: number; readonly callback: () => void } | undefined {
    let best: { key: number; dueAt: number; callback: () => void } | undefined;
    for (const [key, timer] of this.#timers) {
      if (best === undefined || timer.dueAt < best.dueAt) best = { key, ...timer };
    }
    return best;
  }
}
