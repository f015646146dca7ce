import { foregroundClock } from '@millrace/kit';
import type { Command } from 'commander';
import { connect, withConnection } from './connect.ts';
import { type CliContext, type ConnectOptions, EXIT, type ExitCode, print, printJson } from './context.ts';
import { parseDurationMs } from './format.ts';

interface DrainOptions extends ConnectOptions {
  readonly timeout?: string;
}

/** `millrace drain [--timeout 5m]`: exits with 0 once nothing is due, running or waiting to be tried again. */
export function define(command: Command, context: CliContext, finish: (code: ExitCode) => void): void {
  withConnection(command)
    .option('--timeout <duration>', 'give up after this long (500ms, 5s, 2m); exits with 1')
    .action(async (options: DrainOptions) => {
      const abort = new AbortController();
      const timer =
        options.timeout === undefined
          ? undefined
          : foregroundClock.schedule(parseDurationMs(options.timeout, '--timeout'), () =>
              abort.abort(new Error(`Not drained within ${options.timeout}: commands are still due or running.`)),
            );
      try {
        await connect(options, context).drain({ signal: abort.signal });
      } finally {
        timer?.cancel();
      }
      if (options.json === true) printJson(context, { drained: true });
      else print(context, 'Nothing is due or running');
      finish(EXIT.ok);
    });
}
