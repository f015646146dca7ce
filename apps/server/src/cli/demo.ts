import { createClient } from '@millrace/client';
import { foregroundClock, systemClock } from '@millrace/kit';
import type { Command } from 'commander';
import { checkDemo } from '../demo/check-demo.ts';
import { describeReport } from '../demo/print-report.ts';
import { type DemoInput, type DemoPorts, type DemoReport, runDemo, SCHEDULE_ID } from '../demo/run-demo.ts';
import { showProgress } from '../demo/show-progress.ts';
import { TemporaryMillrace } from '../demo/temporary-millrace.ts';
import { readTexts } from '../demo/texts.ts';
import { COMMANDS_DEFAULT, COMMANDS_MAX, COMMANDS_MIN, createWorkload } from '../demo/workload.ts';
import { createLogger } from '../logger.ts';
import { defaultWorkerId } from '../millrace-options.ts';
import { tieToProcess } from '../signals.ts';
import { type CliContext, EXIT, type ExitCode, print, printJson } from './context.ts';
import { parseWhole } from './format.ts';

interface DemoOptions {
  readonly commands: string;
  readonly port: string;
  readonly exit?: true;
  readonly json?: true;
}

const PORT_MAX = 65_535;
/** How long Ctrl-C may take, in ms. */
const STOP_DEADLINE_MS = 15_000;

/** `millrace demo`: the main job on real input, in one go, on data that is thrown away. */
export function define(command: Command, context: CliContext, finish: (code: ExitCode) => void): void {
  command
    .option('--commands <n>', 'how many commands to run', String(COMMANDS_DEFAULT))
    .option('--port <n>', 'default: a free one', '0')
    .option('--exit', 'stop when done, and exit with 1 when anything is not as it must be')
    .option('--json', 'print the report as JSON')
    .action(async (options: DemoOptions) => finish(await demo(options, context)));
}

async function demo(options: DemoOptions, context: CliContext): Promise<ExitCode> {
  const count = parseWhole(options.commands, '--commands', { min: COMMANDS_MIN, max: COMMANDS_MAX });
  const port = parseWhole(options.port, '--port', { min: 0, max: PORT_MAX });
  const logger = createLogger({
    ...{ level: 'error', format: 'pretty', service: 'millrace', workerId: defaultWorkerId() },
    // Standard output is the report's.
    write: (line) => context.stderr.write(line),
  });
  await using millrace = new TemporaryMillrace({ port, logger });
  const interrupted = new AbortController();
  const letGo = tieToProcess({
    service: {
      stop() {
        interrupted.abort();
        return millrace.stop();
      },
    },
    ...{ logger, process, clock: systemClock, deadlineMs: STOP_DEADLINE_MS, exit: (code) => process.exit(code) },
  });
  try {
    return await runAndReport({ millrace, count, options, signal: interrupted.signal }, context);
  } catch (error) {
    // What was under way fails when Ctrl-C takes the server away; the process is about to exit.
    if (interrupted.signal.aborted) await forever();
    throw error;
  } finally {
    letGo();
  }
}

interface Run {
  readonly millrace: TemporaryMillrace;
  readonly count: number;
  readonly options: DemoOptions;
  readonly signal: AbortSignal;
}

async function runAndReport({ millrace, count, options, signal }: Run, context: CliContext): Promise<ExitCode> {
  const texts = readTexts();
  const workload = createWorkload(count, texts);
  await millrace.start();
  const client = createClient({ url: millrace.url });
  context.stderr.write(`Millrace runs on ${millrace.url}; ${count} commands are on their way to it.\n`);
  const report = await runWithProgress({ workload, texts }, { client, signal }, context);
  const differences = checkDemo(workload, report);

  if (options.json === true) printJson(context, { ...report, differences });
  else print(context, describeReport(report));
  for (const difference of differences) context.stderr.write(`Not as it must be: ${difference}\n`);
  if (options.exit === true) return differences.length === 0 ? EXIT.ok : EXIT.error;

  await client.schedules.update(SCHEDULE_ID, { enabled: true }, { signal });
  context.stderr.write(
    `\nLook around: ${millrace.url}/ and ${millrace.url}/docs (Ctrl-C stops and removes the data)\n`,
  );
  return forever();
}

async function runWithProgress(
  input: DemoInput,
  ports: Pick<DemoPorts, 'client' | 'signal'>,
  { stderr }: CliContext,
): Promise<DemoReport> {
  using display = showProgress(stderr, systemClock);
  return await runDemo(input, { ...ports, clock: foregroundClock, onProgress: (progress) => display.update(progress) });
}

/** Until a signal ends the process. */
function forever(): Promise<never> {
  return new Promise(() => {});
}
