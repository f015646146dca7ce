import type { Store } from '@millrace/engines/store';
import { type Clock, type Logger, messageOf, type Timer } from '@millrace/kit';
import { storedError } from './errors.ts';
import { closeWorker, type Opened, openRoom, type Rescued, renewLease, rescueLeases } from './sql/lease-procedures.ts';

export interface LeaseKeeperOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What this process is called in the list of workers. */
  readonly workerId: string;
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  /** True when every other process must be dead. */
  readonly alone: boolean;
  /** What this process held is no longer its own: stop all of it before anything else. */
  readonly onLost: () => void;
  /** Leases hold (again): claiming may go on. */
  readonly onHeld: () => void;
  readonly onRescued: (rescued: Rescued) => void;
  /** A heartbeat did not get through, or its answer did not. */
  readonly onFailed: (error: unknown) => void;
}

const POISON = storedError(
  'PROCESSING_ERROR',
  'The process that ran this command died three times while it did. It is not tried again; see the log of those times.',
  { details: { reason: 'poison', crashes: 3 } },
);

/**
 * Keeps this process's leases alive and takes over those of dead ones.
 *
 * One row in the store says until when every lease of this process holds; a heartbeat moves it on. The process trusts
 * its leases only until `leaseMs` after it last *sent* a heartbeat that got through, measured on the monotonic clock:
 * whoever wakes from a stop sees that before it does anything with them (`isValid`).
 */
export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  #validUntil = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;
  #worker = 0;
  #stopped = true;
  #fenced = true;
  /** Leases lost to a stop of this process, and commands taken over from dead ones, since the start. */
  readonly counts = { lost: 0, rescued: 0, poisoned: 0 };

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
  }

  /** The number that leases are held under; a new one after each time that they were lost to others. */
  get worker(): number {
    return this.#worker;
  }

  /** Registers this process and takes over what dead ones left. */
  async open(): Promise<Opened> {
    const { clock, store, workerId, leaseMs } = this.#options;
    this.#stopped = false;
    const sentAt = clock.monotonic();
    await this.rescue();
    const opened = await store.write(openRoom, { now: clock.now(), name: workerId, leaseUntil: clock.now() + leaseMs });
    this.#worker = opened.worker;
    this.#hold(sentAt);
    this.#next();
    return opened;
  }

  /**
   * Whether the leases of this process still hold. Asked before anything is done with them: the first answer of no
   * aborts what they covered, and nothing is leased until a heartbeat has got through again.
   */
  isValid(): boolean {
    if (this.#options.clock.monotonic() < this.#validUntil) return true;
    if (!this.#fenced) this.#lose();
    return false;
  }

  async close(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#options.store.write(closeWorker, { worker: this.#worker });
  }

  /** Takes over the leases of dead processes. */
  async rescue(): Promise<void> {
    const { store, clock, alone, logger } = this.#options;
    for (;;) {
      const poisonError = JSON.stringify(POISON);
      const rescued = await store.write(rescueLeases, { now: clock.now(), worker: this.#worker, alone, poisonError });
      this.counts.rescued += rescued.count;
      this.counts.poisoned += rescued.poisoned.length;
      if (rescued.count > 0) {
        logger.warn('Took over the commands of a process that died', { metadata: { commands: rescued.count } });
      }
      for (const { taskId, taskType } of rescued.poisoned) {
        logger.error('A command that killed its process three times was dead-lettered', {
          taskId,
          metadata: { taskType },
        });
      }
      this.#options.onRescued(rescued);
      if (!rescued.more) return;
    }
  }

  #next(): void {
    if (this.#stopped) return;
    this.#timer = this.#options.clock.schedule(this.#options.heartbeatMs, () => void this.#beat());
  }

  async #beat(): Promise<void> {
    const { clock, store, leaseMs, logger } = this.#options;
    this.isValid();
    const sentAt = clock.monotonic();
    try {
      const held = await store.write(renewLease, { worker: this.#worker, leaseUntil: clock.now() + leaseMs });
      if (!held && !this.#stopped) await this.#begin(sentAt);
      else this.#hold(sentAt);
      if (!this.#options.alone) await this.rescue();
    } catch (error) {
      this.#options.onFailed(error);
      logger.error('A heartbeat did not get through', { error, metadata: { reason: messageOf(error) } });
    }
    this.#next();
  }

  /** Our row is gone: others took our leases over. Begin again with none. */
  async #begin(sentAt: number): Promise<void> {
    const { clock, store, workerId, leaseMs } = this.#options;
    if (!this.#fenced) this.#lose();
    const leaseUntil = clock.now() + leaseMs;
    this.#worker = (await store.write(openRoom, { now: clock.now(), name: workerId, leaseUntil })).worker;
    this.#hold(sentAt);
  }

  #hold(sentAt: number): void {
    const wasFenced = this.#fenced;
    this.#validUntil = sentAt + this.#options.leaseMs;
    this.#fenced = false;
    if (wasFenced) this.#options.onHeld();
  }

  #lose(): void {
    this.#fenced = true;
    this.counts.lost += 1;
    this.#options.logger.warn('This process stood still longer than its leases held: its handlers are aborted');
    this.#options.onLost();
  }
}
