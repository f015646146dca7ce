import { systemClock } from '@millrace/kit';
import type { Command } from 'commander';
import type { LoadedConfig } from '../config.ts';
import { secretsOf } from '../config-report.ts';
import { loadHandlersFile } from '../handlers-file.ts';
import { createLogger } from '../logger.ts';
import { defaultWorkerId, toMillraceOptions } from '../millrace-options.ts';
import { tieToProcess } from '../signals.ts';
import type { CliContext, ExitCode } from './context.ts';
import { usage } from './format.ts';
import { loadSettings, withSettings } from './setting-flags.ts';

/** `millrace start`: runs until a signal stops it. */
export function define(command: Command, context: CliContext, finish: (code: ExitCode) => void): void {
  withSettings(command)
    .option('--watch', 'start again when the handlers file, or a source file beside it, changes')
    .action(async (options: { readonly watch?: true }) => {
      const loaded = loadSettings(command, context);
      if (options.watch === true) finish(await watch(loaded, context));
      else await run(loaded, context);
    });
}

async function watch({ config }: LoadedConfig, context: CliContext): Promise<ExitCode> {
  if (config.handlers === undefined) throw usage('--watch needs --handlers FILE: the file to watch.');
  const { superviseHandlers } = await import('./watch-handlers.ts');
  return superviseHandlers(config.handlers, context);
}

async function run(loaded: LoadedConfig, context: CliContext): Promise<void> {
  const { config } = loaded;
  const { cwd } = context;
  const workerId = config.workerId ?? defaultWorkerId();
  const secrets = secretsOf(loaded);
  const logger = createLogger({
    level: config.logLevel,
    format: config.logFormat,
    service: 'millrace',
    workerId,
    secrets,
  });
  for (const warning of loaded.warnings) logger.warn(warning);
  const commands = config.handlers === undefined ? [] : await loadHandlersFile(config.handlers, cwd);
  const { createMillrace } = await import('../millrace.ts');
  const millrace = createMillrace(toMillraceOptions(config, { cwd, commands, logger, workerId }));
  tieToProcess({
    service: millrace,
    logger,
    clock: systemClock,
    deadlineMs: config.shutdownTimeoutMs,
    process,
    exit: (code) => process.exit(code),
  });
  try {
    await millrace.start();
  } catch (error) {
    await millrace.stop();
    throw error;
  }
  logger.info(`Millrace is ready on ${millrace.url}`, {
    metadata: {
      url: millrace.url,
      rooms: config.rooms,
      types: millrace.commands.snapshot().types.map(({ taskType }) => taskType),
    },
  });
  // Exit is the signals' business from here on.
  await new Promise<never>(() => {});
}
