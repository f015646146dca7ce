import { type Command, Option } from 'commander';
import { type LoadedConfig, loadConfig } from '../config.ts';
import { type ConfigKey, SETTINGS } from '../config-schema.ts';
import type { CliContext } from './context.ts';
import { usage } from './format.ts';

/** Flags that the help of a command shows; all others exist and are in the reference. */
const SHOWN: ReadonlySet<ConfigKey> = new Set(['port', 'host', 'data', 'rooms', 'handlers', 'logLevel', 'logFormat']);
const PLACEHOLDERS: Readonly<Record<string, string>> = {
  'whole number': '<n>',
  'true or false': '[boolean]',
  list: '<a,b>',
};

/** Gives a command a flag for every setting. Unknown ones are left to `loadConfig`, which tells all faults at once. */
export function withSettings(command: Command): Command {
  for (const { key, flag, env, type, description } of SETTINGS) {
    const placeholder = (typeof type === 'string' ? PLACEHOLDERS[type] : undefined) ?? '<text>';
    const option = new Option(`${flag} ${placeholder}`, `${description} (${env})`).preset('true');
    command.addOption(SHOWN.has(key) ? option : option.hideHelp());
  }
  return command
    .allowUnknownOption()
    .allowExcessArguments()
    .addHelpText('after', '\nEvery setting has a flag: see docs/reference/config.md, or run: millrace config');
}

/** The settings that flags, environment and `.env` come to. @throws CONFIG_INVALID, CLI_USAGE */
export function loadSettings(command: Command, context: CliContext): LoadedConfig {
  const given = command.opts<Readonly<Record<string, unknown>>>();
  const flags: Record<string, unknown> = {};
  for (const { key, flag } of SETTINGS) if (given[key] !== undefined) flags[flag.slice(2)] = given[key];
  const unknown = command.args.filter((argument) => argument.startsWith('--'));
  for (const argument of unknown) flags[argument.slice(2).split('=')[0] ?? ''] = argument;
  const [stray] = command.args;
  if (unknown.length === 0 && stray !== undefined)
    throw usage(`millrace ${command.name()} takes no argument "${stray}".`);
  return loadConfig({ flags, env: context.env, dotEnv: context.dotEnv });
}
