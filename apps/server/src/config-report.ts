import type { ConfigSource, LoadedConfig } from './config.ts';
import { SETTINGS } from './config-schema.ts';

/** One line of `millrace config`. */
export interface ConfigLine {
  readonly name: string;
  readonly flag: string;
  /** As it would be written in the environment; `null` when not set; stars for a secret. */
  readonly value: string | null;
  readonly source: ConfigSource;
  readonly description: string;
}

const MASK = '********';

/** The effective settings with their sources, secrets masked. */
export function reportConfig({ config, sources }: LoadedConfig): readonly ConfigLine[] {
  return SETTINGS.map(({ key, env, flag, secret, description }) => {
    const value: unknown = config[key];
    const shown = value === undefined ? null : secret === true ? MASK : String(value);
    return { name: env, flag, value: shown, source: sources[key], description };
  });
}

/** The values that must never be written anywhere. */
export function secretsOf({ config }: Pick<LoadedConfig, 'config'>): readonly string[] {
  return SETTINGS.filter(({ secret }) => secret === true)
    .map(({ key }) => config[key] as string | undefined)
    .filter((value) => value !== undefined);
}
