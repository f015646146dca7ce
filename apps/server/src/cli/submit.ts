import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import type { MillraceClient, SubmittedTask } from '@millrace/client';
import { type CommandOutcome, PRIORITIES, type SubmitInput } from '@millrace/kit';
import { type Command, Option } from 'commander';
import { connect, withConnection } from './connect.ts';
import { type CliContext, type ConnectOptions, EXIT, type ExitCode, print, printJson } from './context.ts';
import { duration, parseDurationMs, parseJsonText, parseWhole, usage } from './format.ts';

interface SubmitOptions extends ConnectOptions {
  readonly payload?: string;
  readonly taskId?: string;
  readonly priority?: (typeof PRIORITIES)[number];
  readonly timeout?: string;
  readonly delay?: string;
  readonly runAt?: string;
  readonly expiresAt?: string;
  readonly correlationId?: string;
  readonly key?: string;
  readonly callbackUrl?: string;
  readonly wait?: true | string;
  readonly file?: string;
}

const TIMEOUT_S_MAX = 3_600;

/** `millrace submit TYPE --payload JSON`, or `millrace submit --file F.ndjson`. */
export function define(command: Command, context: CliContext, finish: (code: ExitCode) => void): void {
  withConnection(command)
    .argument('[taskType]', 'the type; with --file, for lines that name none')
    .option('--payload <json>', 'JSON, @file, or - for standard input')
    .option('--task-id <id>', 'default: a new id')
    .addOption(new Option('--priority <priority>').choices(PRIORITIES))
    .option('--timeout <seconds>', 'seconds per attempt')
    .option('--delay <duration>', 'start no sooner than in 500ms, 5s, 2m')
    .option('--run-at <instant>', 'start no sooner than this ISO 8601 instant')
    .option('--expires-at <instant>', 'do not start after this ISO 8601 instant')
    .option('--correlation-id <id>', 'carried into logs and events')
    .option('--key <key>', 'concurrency key: a tenant, a provider')
    .option('--callback-url <url>', 'where to POST the outcome')
    .option('--wait [duration]', 'wait for the end; exits with 3 when the command did not succeed')
    .option('--file <file>', 'NDJSON with one command a line, or - for standard input')
    .action(async (taskType: string | undefined, options: SubmitOptions) => {
      const client = connect(options, context);
      if (options.file !== undefined) {
        const { submitFile } = await import('./submit-file.ts');
        finish(await submitFile(client, { file: options.file, taskType, json: options.json === true }, context));
        return;
      }
      if (taskType === undefined) throw usage('Say the type: millrace submit TYPE, or give a file with --file.');
      const task = await client.submit(await toInput(taskType, options, context));
      finish(
        options.wait === undefined ? report(task, options, context) : await waitFor(client, task, { options, context }),
      );
    });
}

async function toInput(taskType: string, options: SubmitOptions, context: CliContext): Promise<SubmitInput> {
  const timeout =
    options.timeout === undefined
      ? undefined
      : parseWhole(options.timeout, '--timeout', { min: 1, max: TIMEOUT_S_MAX });
  const metadata = { priority: options.priority, timeout };
  const input = {
    taskType,
    taskId: options.taskId,
    payload: options.payload === undefined ? undefined : await readPayload(options.payload, context),
    metadata: options.priority === undefined && timeout === undefined ? undefined : metadata,
    delay: options.delay === undefined ? undefined : parseDurationMs(options.delay, '--delay'),
    runAt: options.runAt,
    expiresAt: options.expiresAt,
    correlationId: options.correlationId,
    concurrencyKey: options.key,
    callbackUrl: options.callbackUrl,
  };
  return Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined)) as unknown as SubmitInput;
}

async function readPayload(payload: string, context: CliContext): Promise<unknown> {
  if (payload === '-') return parseJsonText(await text(context.stdin), 'Standard input');
  if (!payload.startsWith('@')) return parseJsonText(payload, '--payload');
  const file = payload.slice(1);
  try {
    return parseJsonText(readFileSync(resolve(context.cwd, file), 'utf8'), file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw usage(`--payload: there is no file ${file}.`);
    throw error;
  }
}

function report(task: SubmittedTask, options: SubmitOptions, context: CliContext): ExitCode {
  if (options.json === true) printJson(context, task);
  else print(context, `${task.taskId} ${task.replay ? `was submitted before: ${task.status}` : 'accepted'}`);
  return EXIT.ok;
}

interface Waiting {
  readonly options: SubmitOptions;
  readonly context: CliContext;
}

async function waitFor(client: MillraceClient, task: SubmittedTask, { options, context }: Waiting): Promise<ExitCode> {
  const waitMs = typeof options.wait === 'string' ? parseDurationMs(options.wait, '--wait') : Number.POSITIVE_INFINITY;
  const outcome = task.outcome ?? (await client.result(task, { waitMs }));
  if (outcome === undefined) {
    throw new Error(
      `${task.taskId} has not ended within ${options.wait}; it goes on. See: millrace show ${task.taskId}`,
    );
  }
  if (options.json === true) printJson(context, outcome);
  else print(context, describeOutcome(outcome));
  return outcome.status === 'SUCCESS' || outcome.status === 'PARTIAL_SUCCESS' ? EXIT.ok : EXIT.commandFailed;
}

function describeOutcome({ taskId, status, result, error, processingTime }: CommandOutcome): string {
  const lines = [`${taskId} ${status} after ${duration(processingTime)}`];
  if (error !== undefined) lines.push(`${error.code}: ${error.message}`);
  if (result !== undefined) lines.push(JSON.stringify(result, null, 2));
  return lines.join('\n');
}
