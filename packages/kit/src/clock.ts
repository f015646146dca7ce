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
