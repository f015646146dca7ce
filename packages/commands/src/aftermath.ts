import type { Store } from '@millrace/engines/store';
import { type Clock, isTerminal, type Logger } from '@millrace/kit';
import type { CommandLog } from './command-log.ts';
import type { CommitTrain, EndEntry } from './commit-train.ts';
import type { DriftCheck } from './drift-check.ts';
import type { Events } from './events.ts';
import type { Executor } from './executor.ts';
import type { Lanes } from './lanes.ts';
import type { CommandsObserver } from './observer.ts';
import { type ControlResult, pauseLane } from './sql/control-procedures.ts';
import type { Rescued } from './sql/lease-procedures.ts';
import type { WakeCalls } from './wake-calls.ts';
import type { Webhooks } from './webhooks.ts';

export interface AftermathOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly observer: CommandsObserver;
  readonly log: CommandLog;
  readonly lanes: Lanes;
  readonly wake: WakeCalls;
  readonly events: Events;
  readonly drift: DriftCheck;
  readonly webhooks: Webhooks;
  readonly train: () => CommitTrain;
  readonly executor: () => Executor;
  readonly isRunning: () => boolean;
}

/** What follows from what was stored: depths, waiters, watchers, webhooks and metrics are told. */
export class Aftermath {
  readonly #options: AftermathOptions;

  constructor(options: AftermathOptions) {
    this.#options = options;
  }

  /** @param counted false when the attempt's lease was no longer the current one */
  ended(entry: EndEntry, counted: boolean): void {
    const { ended, command, lane, isResent } = entry;
    const { observer, log, wake, webhooks } = this.#options;
    if (!counted) {
      if (isResent === true) wake.readBack([command.taskId]);
      return;
    }
    log.ended(entry);
    if (!isTerminal(ended.status)) {
      if (ended.outcome !== 'returned') observer.retried(command.taskType);
      if (ended.outcome === 'released') this.#pauseKey(command.taskType, command.concurrencyKey, ended.dueAt);
      return;
    }
    observer.ended(command.taskType, ended.status, ended.deadLettered === 1);
    lane?.pace.note(ended.endedAt, ended.durationMs, !lane.paused && lane.depth + lane.leased > 0);
    if (command.callbackUrl !== null) webhooks.ring();
    wake.ended(command, ended);
  }

  expired(expired: readonly { readonly taskId: string }[], taskType: string): void {
    const { observer, log, wake, webhooks } = this.#options;
    for (const { taskId } of expired) {
      observer.ended(taskType, 'EXPIRED', false);
      log.expired(taskId, taskType);
    }
    wake.readBack(expired.map(({ taskId }) => taskId));
    webhooks.ring();
  }

  /** An operator's act. */
  controlled(result: ControlResult): void {
    const { lanes, events, train, wake, webhooks } = this.#options;
    lanes.apply(result.depth);
    events.onStored(result);
    train().kick();
    wake.readBack(result.before.map((row) => row.task_id));
    webhooks.ring();
  }

  /** The commands of dead processes were taken over. */
  rescued(rescued: Rescued): void {
    const { lanes, events, observer, log, wake, webhooks, drift, train, isRunning } = this.#options;
    const { depth, count, poisoned } = rescued;
    lanes.apply(depth);
    events.onStored(rescued);
    if (count > 0) observer.leasesExpired(count);
    for (const { taskId, taskType } of poisoned) {
      observer.ended(taskType, 'FAILURE', true);
      log.poisoned(taskId, taskType);
    }
    wake.readBack(poisoned.map(({ taskId }) => taskId));
    if (poisoned.length > 0) webhooks.ring();
    // What a dead process did last was never told to us.
    if (rescued.workers > 0 && isRunning()) drift.need();
    train().kick();
  }

  /** The leases of this process no longer hold. */
  leasesLost(): void {
    this.#options.executor().returnUnstarted();
    this.#options.executor().interruptAll('The lease was lost.');
  }

  writeFailed(error: unknown): void {
    this.#options.drift.noteFailure(error);
    this.#options.train().kick();
  }

  /** A provider asked to be left alone: nothing of that key is claimed until then, not even after a restart. */
  #pauseKey(taskType: string, key: string, until: number): void {
    const { lanes, store, clock, logger } = this.#options;
    lanes.get(taskType)?.pauseKey(key, until);
    store.write(pauseLane, { now: clock.now(), taskType, key, until }).catch((error: unknown) => {
      logger.warn('A pause is not remembered across a restart', { error, metadata: { taskType, key } });
    });
  }
}
