import type { EventEmitter } from 'node:events';
import type { Clock, Logger, Service } from '@millrace/kit';

/** 128 and the number of the signal, as shells report it. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;
type StopSignal = keyof typeof EXIT_CODES;

export interface ProcessLifeOptions {
  readonly service: Pick<Service, 'stop'>;
  readonly logger: Logger;
  readonly clock: Clock;
  /** How long a graceful stop may take, in ms; when it is over the process exits with 1. */
  readonly deadlineMs: number;
  readonly process: Pick<EventEmitter, 'on' | 'off'>;
  readonly exit: (code: number) => void;
}

/**
 * Ties a service to the life of the process:
 * - SIGTERM or SIGINT stops it gracefully and exits with 0; a second one exits at once with 143 or 130.
 * - A stop that takes longer than the deadline, an exception nobody caught or a rejection nobody handled exits with 1.
 *
 * @returns lets go of the process again
 */
export function tieToProcess(options: ProcessLifeOptions): () => void {
  const { service, logger, clock, deadlineMs, exit } = options;
  let stopping = false;
  const stop = async (signal: StopSignal): Promise<void> => {
    if (stopping) {
      logger.warn(`${signal} again: exiting at once`);
      return exit(EXIT_CODES[signal]);
    }
    stopping = true;
    logger.info(`${signal}: stopping`, { metadata: { deadlineMs } });
    const deadline = clock.schedule(deadlineMs, () => {
      logger.error('The stop took longer than SHUTDOWN_TIMEOUT: exiting; what ran will be taken over', {
        metadata: { deadlineMs },
      });
      exit(1);
    });
    try {
      await service.stop();
      logger.info('Stopped');
      exit(0);
    } catch (error) {
      logger.error('Stopping failed', { error });
      exit(1);
    } finally {
      deadline.cancel();
    }
  };
  const crash = (what: string) => (error: unknown) => {
    logger.error(what, { error });
    exit(1);
  };
  const listeners: readonly (readonly [string, (value: unknown) => void])[] = [
    ['SIGTERM', () => void stop('SIGTERM')],
    ['SIGINT', () => void stop('SIGINT')],
    ['uncaughtException', crash('An exception that nobody caught')],
    ['unhandledRejection', crash('A rejection that nobody handled')],
  ];
  for (const [event, listener] of listeners) options.process.on(event, listener);
  return () => {
    for (const [event, listener] of listeners) options.process.off(event, listener);
  };
}
