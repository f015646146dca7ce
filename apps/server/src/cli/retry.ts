import type { Command } from 'commander';
import { connect, withConnection } from './connect.ts';
import type { CliContext, ConnectOptions, ExitCode } from './context.ts';
import { forEachName } from './for-each.ts';

/** `millrace retry TASK_ID...` */
export function define(command: Command, context: CliContext, finish: (code: ExitCode) => void): void {
  withConnection(command)
    .argument('<taskId...>')
    .action(async (names: readonly string[], options: ConnectOptions) => {
      const client = connect(options, context);
      const call = (name: string) => client.retry(name);
      const describe = (view: { taskId: string; run: number; status: string }) =>
        `${view.taskId} is ${view.status}, run ${view.run}`;
      finish(await forEachName(context, { names, call, describe, json: options.json === true }));
    });
}
