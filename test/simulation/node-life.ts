import type { Clock, Timer, VirtualClock } from '@millrace/kit';

/**
 * Whether a simulated process runs, stands still (SIGSTOP, a long collection of garbage) or is dead. Everything that
 * reaches it from outside (timers, answers) goes through `deliver`: withheld while it stands still, lost once it is dead.
 */
export class NodeLife {
  #state: 'running' | 'frozen' | 'dead' = 'running';
  #withheld: (() => void)[] = [];

  get isDead(): boolean {
    return this.#state === 'dead';
  }

  get isFrozen(): boolean {
    return this.#state === 'frozen';
  }

  deliver(act: () => void): void {
    if (this.#state === 'running') act();
    else if (this.#state === 'frozen') this.#withheld.push(act);
  }

  freeze(): void {
    if (this.#state === 'running') this.#state = 'frozen';
  }

  /** What came meanwhile arrives at once, in order. */
  wake(): void {
    if (this.#state !== 'frozen') return;
    this.#state = 'running';
    for (const act of this.#withheld.splice(0)) act();
  }

  kill(): void {
    this.#state = 'dead';
    this.#withheld = [];
  }
}

/** The clock of one process: the time of the simulation, timers that stop with the process. */
export function createNodeClock(master: VirtualClock, life: NodeLife): Clock {
  return {
    now: () => master.now(),
    monotonic: () => master.monotonic(),
    schedule(delayMs, callback): Timer {
      let cancelled = false;
      const timer = master.schedule(delayMs, () =>
        life.deliver(() => {
          if (!cancelled) callback();
        }),
      );
      return {
        cancel: () => {
          cancelled = true;
          timer.cancel();
        },
      };
    },
  };
}
