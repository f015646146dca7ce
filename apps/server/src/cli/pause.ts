import type { Command } from 'commander';
import { connect, withConnection } from './connect.ts';
import type { CliContext, ConnectOptions, ExitCode } from './context.ts';
import { forEachName } from './for-each.ts';

/** `millrace pause TYPE...` */
export function define(command: Command, context: CliContext, finish: (code: ExitCode) => void): void {
  withConnection(command)
    .argument('<taskType...>')
    .action(async (names: readonly string[], options: ConnectOptions) => {
      const client = connect(options, context);
      const call = (name: string) => client.pause(name);
      const describe = (state: { taskType: string }) => `${state.taskType} is paused; what runs goes on`;
      finish(await forEachName(context, { names, call, describe, json: options.json === true }));
    });
}
