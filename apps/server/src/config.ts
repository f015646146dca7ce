import { resolve } from 'node:path';
import { Value } from 'typebox/value';
import { crossFieldProblems, unusedNames } from './config-rules.ts';
import {
  type Config,
  type ConfigKey,
  ConfigSchema,
  type ConfigSource,
  SETTINGS,
  type SettingSpec,
} from './config-schema.ts';
import { didYouMean } from './did-you-mean.ts';
import { serverError } from './errors.ts';

export type { Config, ConfigKey, ConfigSource } from './config-schema.ts';

export interface ConfigInput {
  /** By flag, without its dashes: `{ port: '3002' }`. */
  readonly flags?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** What the `.env` file says. */
  readonly dotEnv?: Readonly<Record<string, string | undefined>>;
}

export interface LoadedConfig {
  readonly config: Config;
  readonly sources: Readonly<Record<ConfigKey, ConfigSource>>;
  /** Sentences for the log: what is set and not used. */
  readonly warnings: readonly string[];
}

/** A value as given, before it is understood. */
interface Given {
  readonly setting: SettingSpec;
  /** The flag or the name in the environment. */
  readonly name: string;
  readonly source: ConfigSource;
  readonly value: unknown;
}

/** Names that belong to the command line, the tests and the benchmarks. */
const FOREIGN_NAMES = /^MILLRACE_(URL|TOKEN|REQUIRE|TEST_.*|BENCH_.*)$/;
const TRUE = /^(true|1|yes|on)$/i;
const FALSE = /^(false|0|no|off)$/i;

/**
 * Puts the settings together: flags over environment over `.env` over defaults. Empty values count as not set. Pure:
 * reads nothing but its input.
 *
 * @throws CONFIG_INVALID whose `details.problems` has every fault as a sentence
 */
export function loadConfig(input: ConfigInput): LoadedConfig {
  const problems: string[] = [...unknownFlags(input.flags ?? {})];
  const layers = [
    { source: 'environment', names: input.env ?? {} },
    { source: '.env', names: input.dotEnv ?? {} },
  ] as const;
  for (const layer of layers) problems.push(...unknownNames(layer.names, layer.source));
  const given = SETTINGS.map((setting) => findGiven(setting, input, problems)).filter((found) => found !== undefined);
  const values: Record<string, unknown> = Value.Default(ConfigSchema, {}) as Record<string, unknown>;
  const sources = Object.fromEntries(SETTINGS.map(({ key }) => [key, 'default'])) as Record<ConfigKey, ConfigSource>;
  const faulty = new Set<ConfigKey>();
  for (const one of given) {
    const { value, problem } = understand(one);
    sources[one.setting.key] = one.source;
    if (problem === undefined) values[one.setting.key] = value;
    else {
      problems.push(`${describe(one)}: ${problem}.`);
      faulty.add(one.setting.key);
    }
  }
  const config = complete(values);
  const names = { ...input.dotEnv, ...input.env };
  problems.push(...crossFieldProblems(config, { sources, faulty, names }));
  if (problems.length > 0) throw invalid(problems);
  return Object.freeze({ config, sources: Object.freeze(sources), warnings: unusedNames(config, names) });
}

function complete(values: Readonly<Record<string, unknown>>): Config {
  const { apiKey, jwtSecret, authEnabled } = values as Partial<Config>;
  const isAuthConfigured = apiKey !== undefined || jwtSecret !== undefined;
  for (const value of Object.values(values)) if (Array.isArray(value)) Object.freeze(value);
  return Object.freeze({ ...values, authEnabled: authEnabled ?? isAuthConfigured }) as Config;
}

/** The strongest layer's value of a setting; two names of one setting in one layer must agree. */
function findGiven(setting: SettingSpec, input: ConfigInput, problems: string[]): Given | undefined {
  const flagName = setting.flag.slice(2);
  const flagValue = input.flags?.[flagName];
  if (flagValue !== undefined) return { setting, name: setting.flag, source: 'flag', value: flagValue };
  const envNames = [setting.env, ...(setting.aliases ?? [])];
  for (const source of ['environment', '.env'] as const) {
    const layer = (source === 'environment' ? input.env : input.dotEnv) ?? {};
    const [first, second] = envNames.filter((name) => isSet(layer[name]));
    if (first === undefined) continue;
    if (second !== undefined && layer[first] !== layer[second]) {
      problems.push(`${first} and ${second} (${source}) are two names of one setting and differ: set one of them.`);
    }
    return { setting, name: first, source, value: layer[first] };
  }
  return undefined;
}

function understand({ setting, value }: Given): { readonly value?: unknown; readonly problem?: string } {
  const parsed = parse(setting, value);
  if (parsed === undefined) return { problem: `must be ${articled(setting)}` };
  if (Value.Check(setting.schema, parsed)) return { value: parsed };
  const [fault] = Value.Errors(setting.schema, parsed);
  if (Array.isArray(setting.type)) return { problem: `must be one of ${setting.type.join(', ')}` };
  return { problem: fault?.message ?? 'is not allowed' };
}

function parse(setting: SettingSpec, value: unknown): unknown {
  if (typeof value !== 'string') return value;
  const trimmed = value.trim();
  switch (setting.type) {
    case 'whole number':
      return /^-?\d+$/.test(trimmed) ? Number(trimmed) : undefined;
    case 'true or false':
      if (TRUE.test(trimmed)) return true;
      return FALSE.test(trimmed) ? false : undefined;
    case 'list':
      return trimmed
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== '');
    default:
      return trimmed;
  }
}

function articled(setting: SettingSpec): string {
  return setting.type === 'whole number'
    ? `a whole number${setting.unit === undefined ? '' : ` of ${setting.unit}`}`
    : 'true or false';
}

function describe({ setting, name, source, value }: Given): string {
  const shown = setting.secret === true ? '' : `=${JSON.stringify(value)}`;
  return source === 'flag' ? `${name}${shown}` : `${name}${shown} (${source})`;
}

function unknownFlags(flags: Readonly<Record<string, unknown>>): string[] {
  const known = new Set(SETTINGS.map(({ flag }) => flag));
  const unknown = Object.keys(flags)
    .map((name) => `--${name}`)
    .filter((name) => !known.has(name));
  return unknown.map((name) => `${name} is not a flag.${didYouMean(name, known, '--')}`);
}

function unknownNames(names: Readonly<Record<string, string | undefined>>, source: ConfigSource): string[] {
  const known = SETTINGS.map(({ env }) => env).filter((name) => name.startsWith('MILLRACE_'));
  const unknown = Object.keys(names).filter(
    (name) => name.startsWith('MILLRACE_') && !known.includes(name) && !FOREIGN_NAMES.test(name),
  );
  return unknown.map((name) => `${name} (${source}) is not a setting.${didYouMean(name, known, 'MILLRACE_')}`);
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value.trim() !== '';
}

function invalid(problems: readonly string[]) {
  const count = problems.length === 1 ? 'one thing' : `${problems.length} things`;
  const list = problems.map((problem) => `\n  - ${problem}`).join('');
  return serverError('CONFIG_INVALID', { details: { count, list, problems } });
}

/** The directory of the embedded store, absolute; `undefined` when nothing is kept on disk. */
export function dataDirectoryOf(config: Pick<Config, 'data' | 'store'>, cwd: string): string | undefined {
  if (config.store === undefined) return resolve(cwd, config.data);
  const [, directory] = /^sqlite:(?:\/\/)?(.+)$/.exec(config.store) ?? [];
  return directory === undefined ? undefined : resolve(cwd, directory);
}
