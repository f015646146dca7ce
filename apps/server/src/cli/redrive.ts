import { systemClock } from '@millrace/kit';
import type { Command } from 'commander';
import { connect, withConnection } from './connect.ts';
import { type CliContext, type ConnectOptions, EXIT, type ExitCode, print, printJson } from './context.ts';
import { parseInstant, parseWhole } from './format.ts';

interface RedriveOptions extends ConnectOptions {
  readonly type?: string;
  readonly errorCode?: string;
  readonly since?: string;
  readonly until?: string;
  readonly limit?: string;
}

const LIMIT_MAX = 10_000;

/** `millrace redrive [--type T] [--error-code C] [--since 1h]` */
export function define(command: Command, context: CliContext, finish: (code: ExitCode) => void): void {
  withConnection(command)
    .option('--type <taskType>', 'only of this type')
    .option('--error-code <code>', 'only those that failed with this code')
    .option('--since <time>', 'ended since: ISO 8601, or so long ago (1h)')
    .option('--until <time>', 'ended until')
    .option('--limit <n>', 'at most so many (10,000)')
    .action(async (options: RedriveOptions) => {
      const now = systemClock.now();
      const redriven = await connect(options, context).redrive({
        taskType: options.type,
        errorCode: options.errorCode,
        finishedFrom: parseInstant(options.since, '--since', now),
        finishedTo: parseInstant(options.until, '--until', now),
        limit:
          options.limit === undefined ? undefined : parseWhole(options.limit, '--limit', { min: 1, max: LIMIT_MAX }),
      });
      if (options.json === true) printJson(context, { redriven });
      else print(context, redriven === 1 ? '1 command runs again' : `${redriven} commands run again`);
      finish(EXIT.ok);
    });
}
