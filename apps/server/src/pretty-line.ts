interface LogRecord {
  readonly timestamp: string;
  readonly level: string;
  readonly message?: string;
  readonly taskId?: string;
  readonly correlationId?: string;
  readonly metadata?: Readonly<Record<string, unknown>> & { readonly error?: { readonly stack?: string } };
}

/** Where the time of day stands in an ISO instant. */
const TIME_OF_DAY: readonly [number, number] = [11, 23];

/** A line of the log as a person reads it: time, level, message, ids, the rest as JSON, the stack beneath. */
export function prettyLine(line: string): string {
  const record = JSON.parse(line) as LogRecord;
  const { error, ...metadata } = record.metadata ?? {};
  const parts = [
    record.timestamp.slice(...TIME_OF_DAY),
    record.level.toUpperCase().padEnd(5),
    record.message ?? '',
    ...(record.taskId === undefined ? [] : [`taskId=${record.taskId}`]),
    ...(record.correlationId === undefined ? [] : [`correlationId=${record.correlationId}`]),
    ...(Object.keys(metadata).length === 0 ? [] : [JSON.stringify(metadata)]),
  ];
  const stack = error === undefined ? '' : `\n${error.stack ?? JSON.stringify(error)}`;
  return `${parts.join(' ')}${stack}\n`;
}
