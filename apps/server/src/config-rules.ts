import type { Config, ConfigKey, ConfigSource } from './config-schema.ts';
import { didYouMean } from './did-you-mean.ts';
import { isLoopback } from './loopback.ts';

export interface RuleContext {
  readonly sources: Readonly<Record<ConfigKey, ConfigSource>>;
  /** Settings that are wrong by themselves: rules about them stay silent. */
  readonly faulty: ReadonlySet<ConfigKey>;
  /** All names of the environment and `.env`. */
  readonly names: Readonly<Record<string, string | undefined>>;
}

/** Rooms that this version has, and those that the design has for later ones. */
const ROOMS = ['commands'];
const LATER_ROOMS = ['collector', 'agents', 'observability', 'scheduling'];
/** Names of engines that the seeds of the project use and this version does not. */
const ENGINE_NAMES = /^(REDIS|KAFKA|MONGODB|NATS|DB)_/;
const SWITCHED_OFF = /^(false|0|no|off)$/i;

/** Names of other deployments that choose the same engine as a `MILLRACE_*` URL. */
const ENGINE_ALIASES = [
  { key: 'store', env: 'MILLRACE_STORE', names: ['DB_HOST', 'MONGODB_URI'] },
  { key: 'stream', env: 'MILLRACE_STREAM', names: ['NATS_HOST', 'NATS_URL', 'KAFKA_BROKERS'] },
  { key: 'cache', env: 'MILLRACE_CACHE', names: ['REDIS_URL', 'REDIS_HOST'] },
] as const;

/** What is wrong between settings, a sentence each that says what to do. */
export function crossFieldProblems(config: Config, context: RuleContext): string[] {
  const rules = [binding, authentication, cors, store, engines, ports, rooms, provider];
  return rules.flatMap((rule) => rule(config, context));
}

/** Sentences about what is set and has no effect in this version. */
export function unusedNames(config: Config, names: RuleContext['names']): string[] {
  const warnings: string[] = [];
  const unused = Object.keys(names)
    .filter((name) => ENGINE_NAMES.test(name) && isOn(name, names[name]))
    .sort();
  if (unused.length > 0) {
    const verb = unused.length === 1 ? 'is set and not used' : 'are set and not used';
    warnings.push(`${unused.join(', ')} ${verb} by this version: it keeps everything in its embedded store.`);
  }
  if (config.openaiApiKey !== undefined && config.openaiBaseUrl === undefined) {
    warnings.push('OPENAI_API_KEY is set but OPENAI_BASE_URL is not: the offline assistant answers.');
  }
  return warnings;
}

function isOn(name: string, value: string | undefined): boolean {
  if (value === undefined || value.trim() === '') return false;
  return !(name.endsWith('_ENABLED') && SWITCHED_OFF.test(value.trim()));
}

function binding(config: Config, { faulty }: RuleContext): string[] {
  if (isLoopback(config.host) || config.authEnabled || faulty.has('apiKey') || faulty.has('jwtSecret')) return [];
  const reason =
    config.apiKey === undefined && config.jwtSecret === undefined ? 'without credentials' : 'with AUTH_ENABLED=false';
  return [
    `HOST=${config.host} would let other machines in ${reason}: set API_KEY or JWT_SECRET, or leave HOST at 127.0.0.1.`,
  ];
}

function authentication(config: Config, { faulty }: RuleContext): string[] {
  const isConfigured = config.apiKey !== undefined || config.jwtSecret !== undefined;
  if (!config.authEnabled || isConfigured || faulty.has('apiKey') || faulty.has('jwtSecret')) return [];
  return ['AUTH_ENABLED=true needs something to ask for: set API_KEY or JWT_SECRET.'];
}

function cors(config: Config): string[] {
  if (!config.corsEnabled) return [];
  if (config.corsOrigins.length === 0) return ['CORS_ENABLED=true needs CORS_ORIGINS: the origins that may call.'];
  const problems: string[] = [];
  const isAny = config.corsOrigins.includes('*');
  if (isAny && config.corsCredentials)
    problems.push('CORS_CREDENTIALS=true cannot go with CORS_ORIGINS=*: name the origins.');
  for (const origin of config.corsOrigins) {
    if (origin !== '*' && URL.parse(origin)?.origin !== origin) {
      problems.push(`CORS_ORIGINS: "${origin}" is no origin; write it like https://app.example.`);
    }
  }
  return problems;
}

function store(config: Config, { sources }: RuleContext): string[] {
  if (config.store === undefined) return [];
  if (config.store !== 'memory:' && !/^sqlite:.+/.test(config.store)) {
    const scheme = config.store.split(':')[0];
    return [`MILLRACE_STORE: "${scheme}:" is not a store of this version; it has sqlite:DIR and memory:.`];
  }
  const isTwice = sources.data !== 'default';
  return isTwice
    ? ['MILLRACE_STORE (--store) and MILLRACE_DATA (--data) both say where the data is: set one of them.']
    : [];
}

function engines(_: Config, { sources, names }: RuleContext): string[] {
  return ENGINE_ALIASES.flatMap(({ key, env, names: aliases }) => {
    const alias = aliases.find((name) => isOn(name, names[name]));
    if (sources[key] === 'default' || alias === undefined) return [];
    return [`${env} and ${alias} both choose the ${key}: set one of them.`];
  });
}

function ports(config: Config): string[] {
  if (config.metricsPort === undefined || config.metricsPort === 0 || config.metricsPort !== config.port) return [];
  return [
    `METRICS_PORT and PORT are both ${config.port}: leave METRICS_PORT unset to serve the metrics on the main port.`,
  ];
}

function rooms(config: Config): string[] {
  if (config.rooms.length === 0) return ['MILLRACE_ROOMS names no room.'];
  return config.rooms
    .filter((room) => !ROOMS.includes(room))
    .map((room) => {
      if (LATER_ROOMS.includes(room)) return `MILLRACE_ROOMS: the room ${room} is not part of this version.`;
      return `MILLRACE_ROOMS: there is no room ${room}.${didYouMean(room, ROOMS)}`;
    });
}

function provider({ openaiBaseUrl, openaiModel }: Config): string[] {
  if (openaiBaseUrl === undefined) {
    return openaiModel === undefined ? [] : ['OPENAI_MODEL needs OPENAI_BASE_URL: where the provider is.'];
  }
  const problems: string[] = [];
  const protocol = URL.parse(openaiBaseUrl)?.protocol;
  if (protocol !== 'http:' && protocol !== 'https:') problems.push('OPENAI_BASE_URL must be an http(s) URL.');
  if (openaiModel === undefined) problems.push('OPENAI_BASE_URL needs OPENAI_MODEL: the model to ask.');
  return problems;
}
