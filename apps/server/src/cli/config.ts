import type { Command } from 'commander';
import { reportConfig } from '../config-report.ts';
import { type CliContext, EXIT, type ExitCode, print, printJson } from './context.ts';
import { table } from './format.ts';
import { loadSettings, withSettings } from './setting-flags.ts';

/** `millrace config [--json]`: takes the flags of `start` too, to see what they would do. */
export function define(command: Command, context: CliContext, finish: (code: ExitCode) => void): void {
  withSettings(command)
    .option('--json', 'print JSON for machines')
    .action((options: { readonly json?: true }) => {
      const loaded = loadSettings(command, context);
      const settings = reportConfig(loaded);
      if (options.json === true) printJson(context, { settings, warnings: loaded.warnings });
      else {
        const rows = settings.map(({ name, value, source }) => [name, value ?? '(not set)', source]);
        print(context, table(['NAME', 'VALUE', 'SOURCE'], rows));
        for (const warning of loaded.warnings) context.stderr.write(`Warning: ${warning}\n`);
      }
      finish(EXIT.ok);
    });
}
