import type { Procedure, Store } from '@millrace/engines/store';
import type { Clock } from '@millrace/kit';
import type { CommandRow } from './command.ts';
import type { RedriveFilter } from './commands.ts';
import { commandsError } from './errors.ts';
import {
  type ControlResult,
  cancelCommand,
  REDRIVE_MAX,
  redriveDeadLetters,
  removeCommand,
  retryCommand,
  setTypePaused,
} from './sql/control-procedures.ts';

export interface ControlOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** Told of every act that is durable. */
  readonly onDone: (result: ControlResult, at: number) => void;
  /** Told of every write that failed: it may have been done all the same. */
  readonly onFailed: (error: unknown) => void;
}

/** What operators do to commands: cancel, retry, redrive, remove, pause. */
export class Control {
  readonly #options: ControlOptions;

  constructor(options: ControlOptions) {
    this.#options = options;
  }

  /** @throws COMMAND_NOT_FOUND, COMMAND_ALREADY_ENDED */
  async cancel(taskId: string): Promise<CommandRow> {
    const now = this.#options.clock.now();
    const result = await this.#write(cancelCommand, { now, taskId });
    const row = only(result, taskId);
    if (result.changed === 0) throw commandsError('COMMAND_ALREADY_ENDED', { details: { taskId, status: row.status } });
    this.#options.onDone(result, now);
    return row;
  }

  /** @throws COMMAND_NOT_FOUND, COMMAND_NOT_RETRYABLE */
  async retry(taskId: string): Promise<void> {
    const now = this.#options.clock.now();
    const result = await this.#write(retryCommand, { now, taskId });
    const row = only(result, taskId);
    if (result.changed === 0) throw commandsError('COMMAND_NOT_RETRYABLE', { details: { taskId, status: row.status } });
    this.#options.onDone(result, now);
  }

  /** @throws COMMAND_NOT_FOUND, COMMAND_NOT_ENDED */
  async remove(taskId: string): Promise<void> {
    const now = this.#options.clock.now();
    const result = await this.#write(removeCommand, { now, taskId });
    const row = only(result, taskId);
    if (result.changed === 0) throw commandsError('COMMAND_NOT_ENDED', { details: { taskId, status: row.status } });
    this.#options.onDone(result, now);
  }

  async redrive(filter: RedriveFilter): Promise<number> {
    const now = this.#options.clock.now();
    const result = await this.#write(redriveDeadLetters, {
      now,
      taskType: filter.taskType ?? null,
      errorCode: filter.errorCode ?? null,
      finishedFrom: filter.finishedFrom?.getTime() ?? 0,
      finishedTo: filter.finishedTo?.getTime() ?? Number.MAX_SAFE_INTEGER,
      limit: filter.limit ?? REDRIVE_MAX,
    });
    this.#options.onDone(result, now);
    return result.changed;
  }

  async setPaused(taskType: string, paused: boolean): Promise<void> {
    const pausedAt = paused ? this.#options.clock.now() : null;
    await this.#write(setTypePaused, { taskType, pausedAt });
  }

  async #write<TArgs, TResult>(procedure: Procedure<TArgs, TResult>, args: TArgs): Promise<TResult> {
    try {
      return await this.#options.store.write(procedure, args);
    } catch (error) {
      this.#options.onFailed(error);
      throw error;
    }
  }
}

function only(result: ControlResult, taskId: string): CommandRow {
  const [row] = result.before;
  if (row === undefined) throw commandsError('COMMAND_NOT_FOUND', { details: { taskId } });
  return row;
}
