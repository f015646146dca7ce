import type { Logger, LogLevel } from '@millrace/kit';
import { isTerminal } from '@millrace/kit';
import type { EndEntry } from './train-load.ts';

/** An attempt that takes longer than this is told of at `info`, in ms. */
export const SLOW_MS_DEFAULT = 1_000;

export interface CommandLogOptions {
  readonly logger: Logger;
  /** An attempt whose handler takes longer is slow, in ms; 0 for all of them, Infinity for none. */
  readonly slowMs: number;
}

/**
 * A line per attempt whose end was stored, with `duration` (of the handler) and `processingTime` (from acceptance to the
 * end) in ms: at `debug`, and at `info` when the command failed or was slow.
 */
export class CommandLog {
  readonly #options: CommandLogOptions;

  constructor(options: CommandLogOptions) {
    this.#options = options;
  }

  /** Called for every end that counted: where its level is off it costs two comparisons. */
  ended(entry: EndEntry): void {
    const { logger } = this.#options;
    const level = this.#levelOf(entry.ended);
    if (!logger.isEnabled(level)) return;
    const { command, ended } = entry;
    logger[level](messageOf(ended), {
      taskId: command.taskId,
      correlationId: command.correlationId ?? undefined,
      metadata: {
        ...{ taskType: command.taskType, status: ended.status, outcome: ended.outcome, attempt: ended.attempt },
        ...{ duration: ended.durationMs, processingTime: ended.endedAt - command.queuedAt },
        payloadSize: command.payload?.length ?? 0,
        ...(ended.errorCode === null ? {} : { errorCode: ended.errorCode }),
        ...(command.trace === null ? {} : { traceparent: command.trace }),
      },
    });
  }

  /** Its deadline to begin (`expiresAt`) passed: it never ran, so there is no duration. */
  expired(taskId: string, taskType: string): void {
    this.#options.logger.debug('Command expired', { taskId, metadata: { taskType, status: 'EXPIRED' } });
  }

  /** It was given up after it had ended its process too often. */
  poisoned(taskId: string, taskType: string): void {
    const metadata = { taskType, status: 'FAILURE', outcome: 'crashed' };
    this.#options.logger.info('Command failed: its process died with it too often', { taskId, metadata });
  }

  #levelOf({ status, durationMs }: EndEntry['ended']): LogLevel {
    return status === 'FAILURE' || durationMs > this.#options.slowMs ? 'info' : 'debug';
  }
}

function messageOf({ status }: EndEntry['ended']): string {
  if (status === 'FAILURE') return 'Command failed';
  return isTerminal(status) ? 'Command ended' : 'Command goes on with another attempt';
}
