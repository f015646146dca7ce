import type { Store } from '@millrace/engines/store';
import { type Clock, type Logger, messageOf } from '@millrace/kit';
import { READ_OLDEST_DUE } from './sql/read-commands.ts';

/** A look is not repeated before this, in ms. */
const LOOK_INTERVAL_MS = 1_000;

export interface QueueAgeOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * How long the oldest due command has waited. Asked for by gauges and the page, which take the last look's answer and
 * cause the next look: nobody asks, nothing is read.
 */
export class QueueAge {
  readonly #options: QueueAgeOptions;
  #dueAt: number | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(options: QueueAgeOptions) {
    this.#options = options;
  }

  /** In ms, as far as the last look knows. @param depth commands that are due: with none there is no age */
  of(depth: number): number {
    const { clock } = this.#options;
    if (depth === 0) {
      this.#dueAt = undefined;
      return 0;
    }
    if (clock.monotonic() - this.#lookedAt >= LOOK_INTERVAL_MS) {
      this.#lookedAt = clock.monotonic();
      void this.#look();
    }
    return this.#dueAt === undefined ? 0 : Math.max(0, clock.now() - this.#dueAt);
  }

  async #look(): Promise<void> {
    const { store, logger } = this.#options;
    try {
      const [row] = await store.query<{ due_at: number | null }>(READ_OLDEST_DUE);
      this.#dueAt = row?.due_at ?? undefined;
    } catch (error) {
      logger.debug('The age of the queue could not be read', { metadata: { reason: messageOf(error) } });
    }
  }
}
