/** Fields that the log schema knows; everything else goes under `metadata`. */
export interface LogFields {
  readonly taskId?: string | undefined;
  readonly correlationId?: string | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  readonly error?: unknown;
}

/** Structured logging as packages see it; the server writes the lines. */
export interface Logger {
  /** False lets hot paths skip building the fields. */
  isEnabled(level: LogLevel): boolean;
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Drops everything; the default of every package. */
export const silentLogger: Logger = {
  isEnabled: () => false,
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
};
