import { type Static, type TSchema, Type } from 'typebox';

/** What every setting says of itself, beside its type and limits. */
interface Setting {
  /** Heading in the reference. */
  readonly group: string;
  /** The name in the environment and in `.env`; the flag is the field's name in kebab case. */
  readonly env: string;
  /** Other names of the same setting. */
  readonly aliases?: readonly string[];
  readonly unit?: string;
  /** Never shown, never logged. */
  readonly secret?: boolean;
  readonly description: string;
}

const MIB = 1024 * 1024;
const DAY_MS = 24 * 3_600_000;
const PORT_MAX = 65_535;
const DURATION_MS_MAX = 2 ** 31 - 1;
/** As `WAIT_MS_MAX` of the commands' routes: clients and proxies count on an answer within it. */
const WAIT_MS_MAX = 30_000;

const text = (setting: Setting & { readonly minLength?: number }) => Type.Optional(Type.String({ ...setting }));
const textOr = (fallback: string, setting: Setting & { readonly minLength?: number; readonly pattern?: string }) =>
  Type.String({ ...setting, default: fallback });
const flag = (fallback: boolean, setting: Setting) => Type.Boolean({ ...setting, default: fallback });
const list = (fallback: readonly string[], setting: Setting) =>
  Type.Array(Type.String(), { ...setting, default: [...fallback] });
const number = (fallback: number, setting: Setting & { readonly minimum: number; readonly maximum?: number }) =>
  Type.Integer({ maximum: Number.MAX_SAFE_INTEGER, ...setting, default: fallback });
const durationMs = (fallback: number, setting: Setting & { readonly minimum: number; readonly maximum?: number }) =>
  number(fallback, { maximum: DURATION_MS_MAX, ...setting, unit: 'ms' });
const oneOf = <TValue extends string>(values: readonly TValue[], fallback: TValue, setting: Setting) =>
  Type.Unsafe<TValue>(Type.Enum([...values], { ...setting, default: fallback }));

const program = {
  rooms: list(['commands'], {
    group: 'Program',
    env: 'MILLRACE_ROOMS',
    description: 'Rooms that this process runs, separated by commas. This version has: commands.',
  }),
  data: textOr('.millrace', {
    group: 'Program',
    env: 'MILLRACE_DATA',
    minLength: 1,
    description: 'Directory that holds everything durable; created with mode 0700. One process at a time may use it.',
  }),
  store: text({
    group: 'Program',
    env: 'MILLRACE_STORE',
    description:
      'Where durable tables are: `sqlite:DIR`, or `memory:` (nothing survives). Default: `sqlite:` and MILLRACE_DATA.',
  }),
  stream: oneOf(['embedded'], 'embedded', {
    group: 'Program',
    env: 'MILLRACE_STREAM',
    description: 'The internal stream. Other drivers come with a later version.',
  }),
  cache: oneOf(['memory'], 'memory', {
    group: 'Program',
    env: 'MILLRACE_CACHE',
    description: 'The cache. Other drivers come with a later version.',
  }),
  handlers: text({
    group: 'Program',
    env: 'MILLRACE_HANDLERS',
    description: 'TypeScript or JavaScript file whose exports are command definitions.',
  }),
  workerId: text({
    group: 'Program',
    env: 'MILLRACE_WORKER_ID',
    description: 'Name of this process in logs and attempts. Default: host name and process id.',
  }),
  shutdownTimeoutMs: durationMs(25_000, {
    group: 'Program',
    env: 'SHUTDOWN_TIMEOUT',
    minimum: 0,
    description:
      'How long a graceful stop may take before what still runs is given back. Keep it below the grace period of whoever stops the process (Kubernetes: 30 s).',
  }),
};

const http = {
  port: number(3001, {
    group: 'HTTP',
    env: 'PORT',
    minimum: 0,
    maximum: PORT_MAX,
    description: 'Port; 0 takes a free one.',
  }),
  host: textOr('127.0.0.1', {
    group: 'HTTP',
    env: 'HOST',
    minLength: 1,
    description: 'Address to listen on. Anything but a loopback address needs API_KEY or JWT_SECRET.',
  }),
  allowedHosts: list([], {
    group: 'HTTP',
    env: 'ALLOWED_HOSTS',
    description: 'Names accepted in the Host header beside the loopback names, separated by commas.',
  }),
  trustProxy: flag(false, {
    group: 'HTTP',
    env: 'TRUST_PROXY',
    description: 'Believe X-Forwarded-* headers. Only behind a proxy that sets them.',
  }),
  httpTimeoutMs: durationMs(WAIT_MS_MAX, {
    group: 'HTTP',
    env: 'HTTP_TIMEOUT',
    minimum: 1,
    maximum: WAIT_MS_MAX,
    description: 'Longest that one request waits for a command to end; then it is answered 202.',
  }),
  bodyLimitBytes: number(MIB, {
    group: 'HTTP',
    env: 'BODY_LIMIT',
    minimum: 1024,
    unit: 'bytes',
    description: 'Largest body of one command.',
  }),
  batchBodyLimitBytes: number(16 * MIB, {
    group: 'HTTP',
    env: 'BATCH_BODY_LIMIT',
    minimum: 1024,
    unit: 'bytes',
    description: 'Largest body of a batch, decoded.',
  }),
  compression: flag(true, {
    group: 'HTTP',
    env: 'COMPRESSION_ENABLED',
    description: 'Compress answers above 1 KiB; never event streams.',
  }),
};

const access = {
  authEnabled: Type.Optional(
    Type.Boolean({
      group: 'Access',
      env: 'AUTH_ENABLED',
      description: 'Ask for credentials. Default: when API_KEY or JWT_SECRET is set.',
    } satisfies Setting),
  ),
  apiKey: text({
    group: 'Access',
    env: 'API_KEY',
    secret: true,
    minLength: 8,
    description: 'Key that opens everything.',
  }),
  apiKeyHeader: textOr('X-API-Key', {
    group: 'Access',
    env: 'API_KEY_HEADER',
    pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$",
    description: 'Header that carries the key.',
  }),
  jwtSecret: text({
    group: 'Access',
    env: 'JWT_SECRET',
    secret: true,
    minLength: 32,
    description: 'Secret of HS256 tokens, whose `scope` holds read, write or admin.',
  }),
  jwtIssuer: text({ group: 'Access', env: 'JWT_ISSUER', description: '`iss` that tokens must carry. Default: any.' }),
  jwtAudience: text({
    group: 'Access',
    env: 'JWT_AUDIENCE',
    description: '`aud` that tokens must carry. Default: any.',
  }),
  docsPublic: flag(false, {
    group: 'Access',
    env: 'DOCS_PUBLIC',
    description: 'Leave /docs and /openapi.json open when credentials are asked for.',
  }),
  corsEnabled: flag(false, {
    group: 'Access',
    env: 'CORS_ENABLED',
    description: 'Let web pages of other origins call.',
  }),
  corsOrigins: list([], {
    group: 'Access',
    env: 'CORS_ORIGINS',
    aliases: ['CORS_ORIGIN'],
    description: 'Origins that may, separated by commas, or `*`.',
  }),
  corsCredentials: flag(false, {
    group: 'Access',
    env: 'CORS_CREDENTIALS',
    description: 'Whether they may send credentials; not together with `*`.',
  }),
  rateLimitEnabled: flag(false, {
    group: 'Access',
    env: 'RATE_LIMIT_ENABLED',
    description: 'Limit requests per key, token subject or address.',
  }),
  rateLimitWindowMs: durationMs(60_000, {
    group: 'Access',
    env: 'RATE_LIMIT_WINDOW_MS',
    minimum: 1,
    description: 'Window of the limit.',
  }),
  rateLimitMaxRequests: number(100, {
    group: 'Access',
    env: 'RATE_LIMIT_MAX_REQUESTS',
    minimum: 1,
    unit: 'requests',
    description: 'Requests in a window.',
  }),
};

const observation = {
  logLevel: oneOf(['debug', 'info', 'warn', 'error'], 'info', {
    group: 'Logs and metrics',
    env: 'LOG_LEVEL',
    description: 'Least severe level that is written.',
  }),
  logFormat: oneOf(['json', 'pretty'], 'json', {
    group: 'Logs and metrics',
    env: 'LOG_FORMAT',
    description: 'Lines for machines or for people.',
  }),
  metricsEnabled: flag(true, {
    group: 'Logs and metrics',
    env: 'METRICS_ENABLED',
    description: 'Serve Prometheus metrics.',
  }),
  metricsPort: Type.Optional(
    Type.Integer({
      group: 'Logs and metrics',
      env: 'METRICS_PORT',
      aliases: ['PROMETHEUS_METRICS_PORT'],
      minimum: 0,
      maximum: PORT_MAX,
      description: 'Port of their own for the metrics. Default: the main port.',
    } satisfies Setting & { minimum: number; maximum: number }),
  ),
  metricsPath: textOr('/metrics', {
    group: 'Logs and metrics',
    env: 'METRICS_PATH',
    pattern: '^/',
    description: 'Path of the metrics.',
  }),
  metricsPublic: flag(false, {
    group: 'Logs and metrics',
    env: 'METRICS_PUBLIC',
    description: 'Leave the metrics open when credentials are asked for.',
  }),
};

const commands = {
  commandTimeoutMs: durationMs(300_000, {
    group: 'Commands',
    env: 'COMMAND_TIMEOUT',
    minimum: 1_000,
    maximum: 3_600_000,
    description: 'Time of one attempt where neither command nor type says.',
  }),
  commandSlowMs: durationMs(1_000, {
    group: 'Commands',
    env: 'COMMAND_SLOW',
    minimum: 0,
    description: 'An attempt that takes longer is logged at info rather than debug.',
  }),
  cpuThreads: number(0, {
    group: 'Commands',
    env: 'CPU_THREADS',
    minimum: 0,
    maximum: 256,
    unit: 'threads',
    description: 'Threads for `cpu: true` commands; 0 takes one per core but one.',
  }),
  cpuThreadMemoryMib: number(256, {
    group: 'Commands',
    env: 'CPU_THREAD_MEMORY',
    minimum: 16,
    unit: 'MiB',
    description: 'Heap that one such thread may use.',
  }),
  queueDepthMax: number(1_000_000, {
    group: 'Commands',
    env: 'QUEUE_DEPTH_MAX',
    minimum: 0,
    unit: 'commands',
    description: 'Above so many due commands new ones are answered 429. 0: no limit.',
  }),
  queueAgeMaxMs: durationMs(0, {
    group: 'Commands',
    env: 'QUEUE_AGE_MAX',
    minimum: 0,
    description: 'When the oldest due command is older, new ones are answered 429. 0: no limit.',
  }),
  eventLoopLagMaxMs: durationMs(1_000, {
    group: 'Commands',
    env: 'EVENT_LOOP_LAG_MAX',
    minimum: 0,
    description: 'When the event loop lags more, new commands are answered 503. 0: no limit.',
  }),
  retentionMs: number(7 * DAY_MS, {
    group: 'Commands',
    env: 'RETENTION',
    minimum: 60_000,
    unit: 'ms',
    description: 'Commands that ended longer ago are forgotten.',
  }),
  retentionRowsMax: number(10_000_000, {
    group: 'Commands',
    env: 'RETENTION_MAX_ROWS',
    minimum: 1_000,
    unit: 'commands',
    description: 'Beyond so many ended commands the oldest are forgotten.',
  }),
  diskFreeMinBytes: number(512 * MIB, {
    group: 'Commands',
    env: 'DISK_FREE_MIN',
    minimum: 0,
    unit: 'bytes',
    description: 'When less of the disk is free, ended commands are forgotten early. 0: never.',
  }),
  webhookSecret: text({
    group: 'Commands',
    env: 'WEBHOOK_SECRET',
    secret: true,
    minLength: 16,
    description: 'Signs webhooks (HMAC-SHA256). None: they go unsigned.',
  }),
  webhookAllowedHosts: list([], {
    group: 'Commands',
    env: 'WEBHOOK_ALLOWED_HOSTS',
    description: 'Hosts on private networks that webhooks may reach, separated by commas.',
  }),
};

const assistant = {
  openaiBaseUrl: text({
    group: 'Assistant',
    env: 'OPENAI_BASE_URL',
    description: 'OpenAI-compatible provider, e.g. http://127.0.0.1:11434/v1. None: the offline assistant answers.',
  }),
  openaiApiKey: text({ group: 'Assistant', env: 'OPENAI_API_KEY', secret: true, description: 'Key of the provider.' }),
  openaiModel: text({ group: 'Assistant', env: 'OPENAI_MODEL', description: 'Model that EXECUTE_ASSISTANT asks.' }),
  llmRequestTimeoutMs: durationMs(60_000, {
    group: 'Assistant',
    env: 'LLM_REQUEST_TIMEOUT',
    minimum: 100,
    description: 'Longest silence of the provider, the wait for its first token included; answers are streamed.',
  }),
};

/** Every setting of the program: type, limits, default, and what it is for. */
export const ConfigSchema = Type.Object({ ...program, ...http, ...access, ...observation, ...commands, ...assistant });

/** The settings as loaded: with every default, `authEnabled` decided. */
export type Config = Readonly<Static<typeof ConfigSchema>> & { readonly authEnabled: boolean };
/** Where a value comes from, the strongest first. */
export type ConfigSource = 'flag' | 'environment' | '.env' | 'default';
export type ConfigKey = keyof Static<typeof ConfigSchema>;

export interface SettingSpec extends Setting {
  readonly key: ConfigKey;
  /** With its dashes. */
  readonly flag: string;
  readonly type: 'text' | 'whole number' | 'true or false' | 'list' | readonly string[];
  readonly default: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly schema: TSchema;
}

/** The settings one by one, in the order of the reference. */
export const SETTINGS: readonly SettingSpec[] = Object.entries(ConfigSchema.properties).map(([key, schema]) => {
  const details = schema as unknown as Setting & { default?: unknown; minimum?: number; maximum?: number };
  return Object.freeze({
    ...details,
    key: key as ConfigKey,
    flag: `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    type: typeOf(schema),
    default: details.default,
    schema,
  });
});

function typeOf(schema: TSchema): SettingSpec['type'] {
  const { type, enum: values } = schema as { type?: string; enum?: readonly string[] };
  if (values !== undefined) return values;
  if (type === 'integer') return 'whole number';
  if (type === 'boolean') return 'true or false';
  return type === 'array' ? 'list' : 'text';
}
