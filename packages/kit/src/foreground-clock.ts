import { type Clock, systemClock, TIMER_DELAY_MS_MAX } from './clock.ts';

/**
 * The time of the machine, with timers that keep the process alive: for programs that have nothing else to hold them
 * while a call waits for its next attempt (the client in a user's script, the command line).
 */
export const foregroundClock: Clock = {
  now: systemClock.now,
  monotonic: systemClock.monotonic,
  schedule(delayMs, callback) {
    const handle = setTimeout(callback, Math.min(Math.max(delayMs, 0), TIMER_DELAY_MS_MAX));
    return { cancel: () => clearTimeout(handle) };
  },
};
