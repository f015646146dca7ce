import { SETTINGS, type SettingSpec } from '../../apps/server/src/config-schema.ts';
import { generatedHeader, markdownTable } from './markdown.ts';

const INTRODUCTION = `Flags win over the environment, the environment over \`.env\` in the working directory, and that over the defaults.
Empty values count as not set. Wrong values, unknown flags and unknown \`MILLRACE_*\` names stop the start with one message
that lists all of them. \`millrace config\` shows what is in effect and where it comes from.

Names of engines that this version does not have (\`REDIS_*\`, \`KAFKA_*\`, \`MONGODB_*\`, \`NATS_*\`, \`DB_*\`) are warned about
and change nothing.`;

/** `docs/reference/config.md` */
export function renderConfig(): string {
  const sections = [...groups()].map(([group, settings]) => {
    const rows = settings.map((setting) => [
      [setting.env, ...(setting.aliases ?? [])].map((name) => `\`${name}\``).join(', '),
      `\`${setting.flag}\``,
      typeOf(setting),
      defaultOf(setting),
      `${setting.description}${setting.secret === true ? ' Secret: never shown or logged.' : ''}`,
    ]);
    return `## ${group}\n\n${markdownTable(['Name', 'Flag', 'Type', 'Default', 'What it does'], rows)}`;
  });
  return `${[generatedHeader('Settings'), INTRODUCTION, ...sections].join('\n\n')}\n`;
}

/** `.env.example` */
export function renderEnvExample(): string {
  const lines = ['# Copy to .env and take the # off what you change. Written by `npm run docs`.'];
  for (const [group, settings] of groups()) {
    lines.push('', `# --- ${group} ---`);
    for (const setting of settings) {
      lines.push('', `# ${setting.description} [${typeOf(setting)}]`, `#${setting.env}=${textOf(setting.default)}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function groups(): ReadonlyMap<string, SettingSpec[]> {
  return Map.groupBy(SETTINGS, ({ group }) => group);
}

function typeOf({ type, unit, minimum, maximum }: SettingSpec): string {
  if (typeof type !== 'string') return type.join(', ');
  const isBounded = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER;
  const bounds = minimum === undefined ? '' : isBounded ? `, ${minimum} to ${maximum}` : `, from ${minimum}`;
  return `${type}${unit === undefined ? '' : ` (${unit})`}${bounds}`;
}

function defaultOf({ default: value }: SettingSpec): string {
  const text = textOf(value);
  return text === '' ? 'none' : `\`${text}\``;
}

function textOf(value: unknown): string {
  return value === undefined ? '' : String(value);
}
