import { isTerminal, type Logger } from '@millrace/kit';
import type { EndedAttempt, LeasedCommand } from './command.ts';
import { outcome } from './command-view.ts';
import type { Queries } from './queries.ts';
import type { Waiters } from './waiters.ts';

export interface WakeCallsOptions {
  readonly waiters: Waiters;
  readonly queries: Pick<Queries, 'outcome'>;
  readonly logger: Logger;
}

/** Wakes the callers that wait for commands which have ended. */
export class WakeCalls {
  readonly #options: WakeCallsOptions;

  constructor(options: WakeCallsOptions) {
    this.#options = options;
  }

  /** The outcome is at hand: a handler has just brought it about. */
  ended({ taskId, queuedAt }: LeasedCommand, { status, result, error, endedAt }: EndedAttempt): void {
    const { waiters } = this.#options;
    if (!waiters.has(taskId) || !isTerminal(status)) return;
    waiters.wake(taskId, outcome({ taskId, status, result, error, processingMs: endedAt - queuedAt }));
  }

  /** For ends that others than a handler brought about: the outcome is read back. */
  readBack(taskIds: readonly string[]): void {
    const { waiters, queries, logger } = this.#options;
    for (const taskId of taskIds.filter((id) => waiters.has(id))) {
      queries.outcome(taskId).then(
        (ended) => (ended === undefined ? undefined : waiters.wake(taskId, ended)),
        (error: unknown) => logger.warn('An outcome could not be read for its waiters', { taskId, error }),
      );
    }
  }
}
