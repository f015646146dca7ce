import { type CommandMetadata, type Json, PRIORITIES, type Priority } from '@millrace/kit';
import { type NewCommand, orderAtOf } from './command.ts';
import { invalid } from './errors.ts';

const TASK_ID = /^[A-Za-z0-9_-]{1,100}$/;

/** Names that paths like `/commands/stats` would hide a command behind. */
const RESERVED_TASK_IDS: ReadonlySet<string> = new Set(['stats', 'events', 'batch', 'dead-letters', 'types']);

/** Whether a text may be a taskId. */
export function isTaskId(text: string): boolean {
  return TASK_ID.test(text) && !RESERVED_TASK_IDS.has(text);
}

const KEY_CHARACTERS_MAX = 200;
const URL_CHARACTERS_MAX = 2_000;
export const DELAY_MS_MAX = 366 * 24 * 3_600_000;
const TIMEOUT_SECONDS_MAX = 3_600;

/** Fields of a submission. `timestamp` is the broker contract's (§1.3): accepted and not used. */
const FIELDS: ReadonlySet<string> = new Set([
  'taskId',
  'taskType',
  'payload',
  'metadata',
  'correlationId',
  'delay',
  'runAt',
  'expiresAt',
  'concurrencyKey',
  'callbackUrl',
  'timestamp',
]);

/** What is taken from a submission's text before its type is known. */
export interface Submission {
  readonly taskId: string | undefined;
  readonly taskType: string;
  readonly payload: unknown;
  readonly metadata: CommandMetadata | undefined;
  readonly correlationId: string | null;
  readonly dueAt: number;
  readonly expiresAt: number | null;
  readonly concurrencyKey: string;
  readonly callbackUrl: string | null;
  readonly priority: Priority;
  /** From `metadata.timeout`; undefined leaves it to the type. */
  readonly timeoutMs: number | undefined;
}

/**
 * Checks the form of a submission.
 *
 * @throws VALIDATION_ERROR with the JSON pointer of the first fault
 */
export function parseSubmission(input: unknown, now: number): Submission {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw invalid('', 'A command must be a JSON object with a taskType.');
  }
  const fields = input as Readonly<Record<string, unknown>>;
  for (const name in fields) {
    if (!FIELDS.has(name)) throw invalid(`/${name}`, `Unknown field ${name}. Known are ${[...FIELDS].join(', ')}.`);
  }
  const metadata = metadataOf(fields.metadata);
  return {
    taskId: taskIdOf(fields.taskId),
    taskType: taskTypeOf(fields.taskType),
    payload: fields.payload,
    metadata,
    correlationId: text(fields.correlationId, '/correlationId', KEY_CHARACTERS_MAX) ?? null,
    dueAt: dueAtOf(fields.delay, fields.runAt, now),
    expiresAt: fields.expiresAt === undefined ? null : parseInstant(fields.expiresAt, '/expiresAt'),
    concurrencyKey: text(fields.concurrencyKey, '/concurrencyKey', KEY_CHARACTERS_MAX) ?? '',
    callbackUrl: text(fields.callbackUrl, '/callbackUrl', URL_CHARACTERS_MAX) ?? null,
    priority: metadata?.priority ?? 'normal',
    timeoutMs: metadata?.timeout === undefined ? undefined : Math.round(metadata.timeout * 1_000),
  };
}

/** Everything that a new command is stored with. @param identity what the room adds to what was submitted */
export function newCommand(
  submission: Submission,
  identity: Pick<NewCommand, 'id' | 'taskId' | 'createdAt' | 'timeoutMs' | 'trace'>,
): NewCommand {
  const { payload, metadata, timeoutMs: _own, ...rest } = submission;
  return {
    ...rest,
    ...identity,
    orderAt: orderAtOf(submission.dueAt, submission.priority),
    payload: payload === undefined ? null : JSON.stringify(payload),
    metadata: metadata === undefined ? null : JSON.stringify(metadata),
  };
}

function taskIdOf(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || !TASK_ID.test(value)) {
    throw invalid('/taskId', 'taskId must be 1–100 letters, digits, "_" or "-".');
  }
  if (RESERVED_TASK_IDS.has(value)) throw invalid('/taskId', `The taskId ${value} is reserved. Choose another.`);
  return value;
}

function taskTypeOf(value: unknown): string {
  if (value === undefined) throw invalid('/taskType', 'taskType is missing.');
  if (typeof value !== 'string' || value === '' || value.length > 100) {
    throw invalid('/taskType', 'taskType must be a text of 1–100 characters.');
  }
  return value;
}

function metadataOf(value: unknown): CommandMetadata | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid('/metadata', 'metadata must be a JSON object.');
  }
  const { priority, timeout } = value as { priority?: unknown; timeout?: unknown };
  if (priority !== undefined && !PRIORITIES.includes(priority as Priority)) {
    throw invalid('/metadata/priority', `priority must be one of ${PRIORITIES.join(', ')}.`);
  }
  if (timeout !== undefined && !(typeof timeout === 'number' && timeout >= 1 && timeout <= TIMEOUT_SECONDS_MAX)) {
    throw invalid('/metadata/timeout', `timeout must be a number of seconds from 1 to ${TIMEOUT_SECONDS_MAX}.`);
  }
  return value as Record<string, Json>;
}

function dueAtOf(delay: unknown, runAt: unknown, now: number): number {
  if (delay !== undefined && runAt !== undefined) throw invalid('/runAt', 'Give either delay or runAt, not both.');
  if (runAt !== undefined) {
    const at = parseInstant(runAt, '/runAt');
    if (at > now + DELAY_MS_MAX) throw invalid('/runAt', 'runAt must lie within a year.');
    return Math.max(at, now);
  }
  if (delay === undefined) return now;
  if (typeof delay !== 'number' || !Number.isFinite(delay) || delay < 0 || delay > DELAY_MS_MAX) {
    throw invalid('/delay', `delay must be a number of milliseconds from 0 to ${DELAY_MS_MAX}.`);
  }
  return now + Math.ceil(delay);
}

/** ISO 8601 with a zone: a text without one would mean another instant on every machine. */
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})$/;

/** ms since the epoch. @throws VALIDATION_ERROR */
export function parseInstant(value: unknown, pointer: string): number {
  const at = typeof value === 'string' && INSTANT.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(at)) {
    throw invalid(pointer, 'It must be an ISO 8601 instant with a zone, like 2026-01-31T08:00:00Z.');
  }
  return at;
}

function text(value: unknown, pointer: string, charactersMax: number): string | undefined {
  if (value === undefined) return undefined;
  // A lone surrogate would come back from the store as another text.
  if (typeof value !== 'string' || value === '' || value.length > charactersMax || !value.isWellFormed()) {
    throw invalid(pointer, `It must be a text of 1–${charactersMax} characters.`);
  }
  return value;
}
