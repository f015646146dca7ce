import type { Store } from '@millrace/engines/store';
import { AppError, type Clock, type Logger } from '@millrace/kit';
import type { Lanes } from './lanes.ts';
import { type Survey, surveyLeases } from './sql/survey-leases.ts';

/** Refusals by which a store says that nothing was changed; after any other failure nobody knows. */
const UNCHANGED: ReadonlySet<string> = new Set(['STORE_FULL', 'STORE_OVERLOADED']);

export type KnownLeases = readonly (readonly [id: number, lease: number])[];

export interface DriftCheckOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly lanes: Lanes;
  readonly worker: () => number;
  /** Leases that handlers work on or wait to work on. */
  readonly atWork: () => KnownLeases;
}

/**
 * Finds out what a write has done whose answer was lost. A departure that failed may have been committed: then commands
 * are leased to this process and nobody runs them, and the depths are off. Before the next departure leaves, the store
 * is asked; leases that nobody knows of are given back.
 */
export class DriftCheck {
  readonly #options: DriftCheckOptions;
  #isNeeded = false;

  constructor(options: DriftCheckOptions) {
    this.#options = options;
  }

  /** True from a write of unknown fate until the store has been asked. */
  get isNeeded(): boolean {
    return this.#isNeeded;
  }

  /** What is counted here may not be what the store holds. */
  need(): void {
    this.#isNeeded = true;
  }

  /** Notes a failed write, unless its error says that nothing was changed. */
  noteFailure(error: unknown): void {
    if (error instanceof AppError && !UNCHANGED.has(error.code)) this.#isNeeded = true;
  }

  /**
   * Asks the store; must not run beside a departure.
   *
   * @param ended attempts whose ends wait to be stored
   * @returns when the next waiting command is due and when the next one expires, ms since the epoch; `null`: none
   */
  async run(ended: KnownLeases): Promise<Pick<Survey, 'nextDueAt' | 'nextExpiryAt'>> {
    const { store, clock, logger, lanes, worker, atWork } = this.#options;
    const args = { now: clock.now(), worker: worker(), known: [...ended, ...atWork()] };
    const { returned, depth, ...next } = await store.write(surveyLeases, args);
    this.#isNeeded = false;
    lanes.reset(depth);
    for (const lane of lanes.all()) lane.blocked = false;
    if (returned > 0)
      logger.warn('Gave back commands whose lease was granted by a lost answer', { metadata: { returned } });
    return next;
  }
}
