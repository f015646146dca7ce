import {
  AppError,
  type Clock,
  type LogFields,
  type Logger,
  type LogLevel,
  messageOf,
  systemClock,
} from '@millrace/kit';
import { type DestinationStream, destination, pino } from 'pino';
import { prettyLine } from './pretty-line.ts';

export interface LoggerOptions {
  readonly level: LogLevel;
  /** `json`: a line a record for machines; `pretty`: for people. */
  readonly format: 'json' | 'pretty';
  readonly service: string;
  readonly workerId: string;
  /** Texts that are replaced wherever they would be written. */
  readonly secrets?: readonly string[];
  readonly clock?: Clock;
  /** Where lines go. Default: standard output, written synchronously, so that no exit loses any. */
  readonly write?: (line: string) => void;
}

/** Shorter secrets would take common letters out of every line. */
const SECRET_LENGTH_MIN = 4;
const REDACTED = '[secret]';
/** How deep causes of errors are followed. */
const CAUSE_DEPTH_MAX = 5;
/** Names of metadata that hold secrets whatever their value. */
const SECRET_NAMES = /^(authorization|cookie|password|secret|token|api[-_]?key|x-api-key)$/i;

/** The log of the program: lines with the fields timestamp, level, service, workerId, correlationId, taskId, message, metadata. */
export function createLogger(options: LoggerOptions): Logger {
  const clock = options.clock ?? systemClock;
  const instance = pino(
    {
      level: options.level,
      base: { service: options.service, workerId: options.workerId },
      messageKey: 'message',
      timestamp: () => `,"timestamp":"${new Date(clock.now()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    openDestination(options),
  );
  const writeAt = (level: LogLevel) => (message: string, fields?: LogFields) => {
    if (instance.isLevelEnabled(level)) instance[level](fields === undefined ? {} : toRecord(fields), message);
  };
  return {
    isEnabled: (level) => instance.isLevelEnabled(level),
    debug: writeAt('debug'),
    info: writeAt('info'),
    warn: writeAt('warn'),
    error: writeAt('error'),
  };
}

function openDestination(options: LoggerOptions): DestinationStream {
  const stdout = options.write === undefined ? destination({ dest: 1, sync: true }) : undefined;
  const write = options.write ?? ((line: string) => stdout?.write(line));
  // A secret appears in JSON as JSON writes it.
  const secrets = (options.secrets ?? [])
    .filter((secret) => secret.length >= SECRET_LENGTH_MIN)
    .map((secret) => JSON.stringify(secret).slice(1, -1));
  return {
    write(line: string): void {
      const clean = secrets.reduce((text, secret) => text.replaceAll(secret, REDACTED), line);
      write(options.format === 'pretty' ? prettyLine(clean) : clean);
    },
  };
}

function toRecord({ taskId, correlationId, metadata, error }: LogFields): object {
  const hasMetadata = metadata !== undefined || error !== undefined;
  return {
    ...(correlationId === undefined ? {} : { correlationId }),
    ...(taskId === undefined ? {} : { taskId }),
    ...(hasMetadata
      ? { metadata: { ...redact(metadata), ...(error === undefined ? {} : { error: describeError(error) }) } }
      : {}),
  };
}

function redact(metadata: LogFields['metadata']): object | undefined {
  if (metadata === undefined) return undefined;
  const names = Object.keys(metadata).filter((name) => SECRET_NAMES.test(name));
  if (names.length === 0) return metadata;
  return { ...metadata, ...Object.fromEntries(names.map((name) => [name, REDACTED])) };
}

/** An error as data: what it says, its code, where it was thrown, and what caused it. */
function describeError(error: unknown, depth = 0): object {
  if (!(error instanceof Error)) return { message: messageOf(error) };
  return {
    name: error.name,
    message: error.message,
    ...(error instanceof AppError ? { code: error.code } : {}),
    ...(depth === 0 ? { stack: error.stack } : {}),
    ...(error.cause === undefined || depth >= CAUSE_DEPTH_MAX ? {} : { cause: describeError(error.cause, depth + 1) }),
  };
}
