import type { CommandView } from '@millrace/kit';
import type { Command } from 'commander';
import { connect, withConnection } from './connect.ts';
import { type CliContext, type ConnectOptions, EXIT, type ExitCode, print, printJson } from './context.ts';
import { duration, instant, table } from './format.ts';

/** `millrace show TASK_ID` */
export function define(command: Command, context: CliContext, finish: (code: ExitCode) => void): void {
  withConnection(command)
    .argument('<taskId>')
    .action(async (taskId: string, options: ConnectOptions) => {
      const view = await connect(options, context).get(taskId);
      if (options.json === true) printJson(context, view);
      else print(context, describeCommand(view));
      finish(EXIT.ok);
    });
}

/** A command as a person reads it: facts, attempts, result. */
export function describeCommand(view: CommandView): string {
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['taskId', view.taskId],
    ['taskType', view.taskType],
    ['status', `${view.status}${view.deadLettered ? ' (dead-lettered)' : ''}`],
    ['run, attempts', `${view.run}, ${view.attempts}`],
    ['priority', view.priority],
    ['created', instant(view.createdAt)],
    ['started', instant(view.startedAt)],
    ['finished', instant(view.finishedAt)],
    ['duration', duration(view.duration)],
    ['correlationId', view.correlationId],
    ['concurrencyKey', view.concurrencyKey],
  ];
  const width = Math.max(...facts.map(([name]) => name.length));
  const lines = facts
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name.padEnd(width)}  ${value}`);
  if (view.error !== undefined) lines.push('', `error: ${view.error.code}: ${view.error.message}`);
  if ((view.history ?? []).length > 0) lines.push('', historyOf(view));
  if (view.payload !== undefined) lines.push('', 'payload:', JSON.stringify(view.payload, null, 2));
  if (view.result !== undefined) lines.push('', 'result:', JSON.stringify(view.result, null, 2));
  return lines.join('\n');
}

function historyOf({ history }: CommandView): string {
  const rows = history.map((entry) => [
    String(entry.run),
    String(entry.attempt),
    entry.outcome,
    instant(entry.startedAt),
    instant(entry.endedAt),
    entry.error === undefined ? '' : `${entry.error.code}: ${entry.error.message}`,
  ]);
  return table(['RUN', 'ATTEMPT', 'OUTCOME', 'STARTED', 'ENDED', 'ERROR'], rows);
}
