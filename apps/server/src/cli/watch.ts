import type { WatchMessage } from '@millrace/client';
import type { Command } from 'commander';
import { connect, withConnection } from './connect.ts';
import { type CliContext, type ConnectOptions, EXIT, type ExitCode, print } from './context.ts';

interface WatchCommandOptions extends ConnectOptions {
  readonly after?: string;
}

/** `millrace watch [TASK_ID]`: until the command ends; of all commands, until interrupted. */
export function define(command: Command, context: CliContext, finish: (code: ExitCode) => void): void {
  withConnection(command)
    .argument('[taskId]', 'a command; all of them when left out', '*')
    .option('--after <eventId>', 'go on after this event')
    .action(async (taskId: string, options: WatchCommandOptions) => {
      for await (const event of connect(options, context).watch(taskId, { lastEventId: options.after })) {
        print(context, options.json === true ? JSON.stringify(event) : describeEvent(event));
      }
      finish(EXIT.ok);
    });
}

function describeEvent(event: WatchMessage): string {
  if (event.type === 'reset') return `-- events before this are gone; now: ${JSON.stringify(event.snapshot)}`;
  const parts = [
    event.at,
    event.taskId,
    event.taskType,
    event.type.replace('command.', ''),
    `attempt ${event.attempt}`,
  ];
  if (event.progress !== undefined) parts.push(JSON.stringify(event.progress));
  if (event.error !== undefined) parts.push(`${event.error.code}: ${event.error.message}`);
  if (event.nextAttemptAt !== undefined) parts.push(`next attempt ${event.nextAttemptAt}`);
  return parts.join('  ');
}
