import { hostname } from 'node:os';
import type { AssistantOptions } from '@millrace/assistant';
import type { HttpOptions } from '@millrace/http';
import {
  type Clock,
  type CommandDefinition,
  type Logger,
  silentLogger,
  systemClock,
  VirtualClock,
} from '@millrace/kit';
import { type Config, dataDirectoryOf } from './config.ts';

/** What can be said about the HTTP edge beyond host, port and credentials; defaults are those of `@millrace/http`. */
export type HttpSettings = Omit<
  HttpOptions,
  'host' | 'port' | 'auth' | 'registry' | 'logger' | 'clock' | 'healthChecks' | 'overloaded'
> & {
  readonly auth?: Omit<NonNullable<HttpOptions['auth']>, 'apiKey' | 'jwtSecret'> | undefined;
  /** The longest that one request waits for a command to end, in ms. Default and most: 30,000. */
  readonly waitMsMax?: number | undefined;
};

/** When new commands are refused; 0 sets no limit. */
export interface AdmissionLimits {
  /** Due commands. Default 1,000,000. */
  readonly queueDepthMax?: number | undefined;
  /** Age of the oldest due command in ms. Default 0. */
  readonly queueAgeMaxMs?: number | undefined;
  /** Default 1,000. */
  readonly eventLoopLagMaxMs?: number | undefined;
}

/** When ended commands are forgotten: whichever comes first. */
export interface RetentionLimits {
  /** Default 7 days. */
  readonly ageMaxMs?: number | undefined;
  /** Default 10,000,000. */
  readonly rowsMax?: number | undefined;
  /** Free bytes of the disk below which they go early; 0 never. Default 512 MiB. */
  readonly diskFreeMinBytes?: number | undefined;
}

export interface MillraceOptions {
  /** What can be run, beside the built-in types. */
  readonly commands?: readonly CommandDefinition[] | undefined;
  /** Everything durable lives here. Default `.millrace` in the working directory. */
  readonly dataDir?: string | undefined;
  /** `memory` keeps nothing: for tests. Default: on disk. */
  readonly store?: 'memory' | 'disk' | undefined;
  /** `false` opens no port. */
  readonly http?: false | HttpSettings | undefined;
  /** Default 3001; 0 takes a free one. */
  readonly port?: number | undefined;
  /** Default 127.0.0.1. Anything but a loopback address needs `apiKey` or `jwtSecret`. */
  readonly host?: string | undefined;
  readonly apiKey?: string | undefined;
  readonly jwtSecret?: string | undefined;
  /** How EXECUTE_ASSISTANT answers; `false` leaves the built-in types out. Default: offline. */
  readonly assistant?: false | AssistantOptions | undefined;
  /** Default false: no `/metrics`. The program's default is true. */
  readonly metrics?: boolean | undefined;
  readonly admission?: AdmissionLimits | undefined;
  readonly retention?: RetentionLimits | undefined;
  /** Time of one attempt where neither command nor type says, in ms. Default 300,000. */
  readonly commandTimeoutMs?: number | undefined;
  /** An attempt that takes longer is logged at `info` rather than `debug`, in ms. Default 1,000. */
  readonly commandSlowMs?: number | undefined;
  /** Threads for `cpu: true` commands (0: one per core but one) and the heap of each in MiB. Default 0 and 256. */
  readonly cpu?: { readonly threads?: number; readonly threadMemoryMib?: number } | undefined;
  readonly webhooks?: { readonly secret?: string | undefined; readonly allowedHosts?: readonly string[] } | undefined;
  /** Longest graceful stop in ms. Default 25,000. */
  readonly shutdownTimeoutMs?: number | undefined;
  /** Name of this process. Default: host name and process id. */
  readonly workerId?: string | undefined;
  readonly clock?: Clock | undefined;
  readonly logger?: Logger | undefined;
  /**
   * For tests of your own handlers: memory store, no port, and a clock that stands still until `millrace.advance(ms)`;
   * `drain()` runs everything that is due. What is given besides wins.
   */
  readonly test?: boolean | undefined;
}

/** The options with the defaults of the program filled in. */
type Defaulted = 'commands' | 'store' | 'dataDir' | 'http' | 'shutdownTimeoutMs' | 'workerId' | 'clock' | 'logger';

export type ResolvedMillraceOptions = Omit<MillraceOptions, Defaulted> & {
  readonly [TKey in Defaulted]-?: NonNullable<MillraceOptions[TKey]>;
};

export const SHUTDOWN_TIMEOUT_MS = 25_000;

export function resolveMillraceOptions(options: MillraceOptions): ResolvedMillraceOptions {
  const isTest = options.test === true;
  return {
    ...options,
    http: options.http ?? (isTest ? false : {}),
    commands: options.commands ?? [],
    store: options.store ?? (isTest ? 'memory' : 'disk'),
    dataDir: options.dataDir ?? '.millrace',
    shutdownTimeoutMs: options.shutdownTimeoutMs ?? SHUTDOWN_TIMEOUT_MS,
    workerId: options.workerId ?? defaultWorkerId(),
    clock: options.clock ?? (isTest ? new VirtualClock() : systemClock),
    logger: options.logger ?? silentLogger,
  };
}

export function defaultWorkerId(): string {
  return `${hostname()}-${process.pid}`;
}

export interface FromConfig {
  readonly cwd: string;
  readonly commands: readonly CommandDefinition[];
  readonly logger: Logger;
  readonly workerId: string;
}

/** The options that the settings of the program come to. */
export function toMillraceOptions(config: Config, { cwd, commands, logger, workerId }: FromConfig): MillraceOptions {
  const dataDir = dataDirectoryOf(config, cwd);
  const isAuthOn = config.authEnabled;
  return {
    commands,
    logger,
    workerId,
    store: dataDir === undefined ? 'memory' : 'disk',
    dataDir,
    host: config.host,
    port: config.port,
    apiKey: isAuthOn ? config.apiKey : undefined,
    jwtSecret: isAuthOn ? config.jwtSecret : undefined,
    http: toHttpSettings(config),
    metrics: config.metricsEnabled,
    assistant: {
      baseUrl: config.openaiBaseUrl,
      apiKey: config.openaiApiKey,
      model: config.openaiModel,
      idleTimeoutMs: config.llmRequestTimeoutMs,
    },
    admission: {
      queueDepthMax: config.queueDepthMax,
      queueAgeMaxMs: config.queueAgeMaxMs,
      eventLoopLagMaxMs: config.eventLoopLagMaxMs,
    },
    retention: {
      ageMaxMs: config.retentionMs,
      rowsMax: config.retentionRowsMax,
      diskFreeMinBytes: config.diskFreeMinBytes,
    },
    commandTimeoutMs: config.commandTimeoutMs,
    commandSlowMs: config.commandSlowMs,
    cpu: { threads: config.cpuThreads, threadMemoryMib: config.cpuThreadMemoryMib },
    webhooks: { secret: config.webhookSecret, allowedHosts: config.webhookAllowedHosts },
    shutdownTimeoutMs: config.shutdownTimeoutMs,
  };
}

function toHttpSettings(config: Config): HttpSettings {
  const origins = config.corsOrigins.includes('*') ? '*' : config.corsOrigins;
  return {
    auth: {
      apiKeyHeader: config.apiKeyHeader,
      jwtIssuer: config.jwtIssuer,
      jwtAudience: config.jwtAudience,
      metricsPublic: config.metricsPublic,
      docsPublic: config.docsPublic,
    },
    cors: config.corsEnabled ? { origins, credentials: config.corsCredentials } : undefined,
    allowedHosts: config.allowedHosts,
    rateLimit: {
      enabled: config.rateLimitEnabled,
      windowMs: config.rateLimitWindowMs,
      maxRequests: config.rateLimitMaxRequests,
    },
    waitMsMax: config.httpTimeoutMs,
    bodyLimitBytes: config.bodyLimitBytes,
    batchBodyLimitBytes: config.batchBodyLimitBytes,
    trustProxy: config.trustProxy,
    compression: config.compression,
    metricsPort: config.metricsPort,
    metricsPath: config.metricsPath,
  };
}
