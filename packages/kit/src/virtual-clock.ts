import { BinaryHeap } from './binary-heap.ts';
import type { Clock, Timer } from './clock.ts';

interface PendingTimer {
  readonly dueAt: number;
  readonly sequence: number;
  callback: (() => void) | undefined;
}

/** Cancelled timers stay in the heap until so many of them lie there and they are the majority. */
const CANCELLED_KEPT_MAX = 64;

/** A clock that stands still until told to move; timers fire in order of their time while it advances. */
export class VirtualClock implements Clock {
  #now: number;
  #monotonic = 0;
  #sequence = 0;
  #cancelled = 0;
  readonly #timers = new BinaryHeap<PendingTimer>(
    (left, right) => left.dueAt < right.dueAt || (left.dueAt === right.dueAt && left.sequence < right.sequence),
  );

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
    const dueAt = this.#monotonic + Math.max(delayMs, 0);
    const timer: PendingTimer = { dueAt, sequence: this.#sequence++, callback };
    this.#timers.push(timer);
    return { cancel: () => this.#cancel(timer) };
  }

  /** How many timers wait. */
  get pendingTimers(): number {
    return this.#timers.size - this.#cancelled;
  }

  /** In how many ms the next timer is due; `undefined` when none waits. */
  nextTimerMs(): number | undefined {
    const next = this.#peek();
    return next === undefined ? undefined : Math.max(next.dueAt - this.#monotonic, 0);
  }

  /** Moves time by `ms`, firing every timer that falls due on the way, each at its own instant. */
  advance(ms: number): void {
    const end = this.#monotonic + ms;
    for (let next = this.#peek(); next !== undefined && next.dueAt <= end; next = this.#peek()) {
      this.#timers.pop();
      this.#moveTo(Math.max(next.dueAt, this.#monotonic));
      const callback = next.callback;
      next.callback = undefined;
      callback?.();
    }
    // A callback may have advanced the clock further itself; time never goes back.
    this.#moveTo(Math.max(end, this.#monotonic));
  }

  /** Moves the wall clock only, as an operator or NTP would; timers and `monotonic` do not notice. */
  jump(ms: number): void {
    this.#now += ms;
  }

  #moveTo(monotonic: number): void {
    this.#now += monotonic - this.#monotonic;
    this.#monotonic = monotonic;
  }

  #cancel(timer: PendingTimer): void {
    if (timer.callback === undefined) return;
    timer.callback = undefined;
    this.#cancelled++;
    if (this.#cancelled <= CANCELLED_KEPT_MAX || this.#cancelled * 2 <= this.#timers.size) return;
    this.#timers.retain((kept) => kept.callback !== undefined);
    this.#cancelled = 0;
  }

  #peek(): PendingTimer | undefined {
    for (let next = this.#timers.peek(); next !== undefined; next = this.#timers.peek()) {
      if (next.callback !== undefined) return next;
      this.#timers.pop();
      this.#cancelled--;
    }
    return undefined;
  }
}
