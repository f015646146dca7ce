import type { ErrorBody } from './app-error.ts';
import type { Json } from './json.ts';

/** Where a command is in its life; see the state diagram in the README of `@millrace/commands`. */
export const COMMAND_STATUSES = [
  'QUEUED',
  'SCHEDULED',
  'RUNNING',
  'RETRYING',
  'SUCCESS',
  'PARTIAL_SUCCESS',
  'FAILURE',
  'CANCELLED',
  'EXPIRED',
] as const;
export type CommandStatus = (typeof COMMAND_STATUSES)[number];

/** The states that a run ends in and never leaves. */
export const TERMINAL_STATUSES = ['SUCCESS', 'PARTIAL_SUCCESS', 'FAILURE', 'CANCELLED', 'EXPIRED'] as const;
export type TerminalStatus = (typeof TERMINAL_STATUSES)[number];

const terminal: ReadonlySet<string> = new Set(TERMINAL_STATUSES);

export function isTerminal(status: CommandStatus): status is TerminalStatus {
  return terminal.has(status);
}

export const PRIORITIES = ['low', 'normal', 'high', 'urgent'] as const;
export type Priority = (typeof PRIORITIES)[number];

/** What the submitter may say about how a command is to be run. Further fields are kept and given to the handler. */
export interface CommandMetadata {
  readonly priority?: Priority;
  /** Seconds per attempt, 1 to 3600. Default: the type's own, else 300. */
  readonly timeout?: number;
  readonly [key: string]: Json | undefined;
}

/** What is submitted: the body of `POST /command/process` and `POST /commands`, and an item of a batch. */
export interface SubmitInput<TPayload = unknown> {
  /** 1–100 letters, digits, `_` or `-`. Default: a new UUIDv7. */
  readonly taskId?: string;
  readonly taskType: string;
  readonly payload?: TPayload;
  readonly metadata?: CommandMetadata;
  readonly correlationId?: string;
  /** Milliseconds from now until it may start. Not together with `runAt`. */
  readonly delay?: number;
  /** ISO 8601 instant before which it may not start. */
  readonly runAt?: string;
  /** ISO 8601 instant after which it is no longer started: it ends EXPIRED. */
  readonly expiresAt?: string;
  /** Commands of one key (a tenant, a provider) share its limits and are served in turn with other keys. */
  readonly concurrencyKey?: string;
  /** Where to POST the outcome when the command has ended. */
  readonly callbackUrl?: string;
}

/** An error as stored with a command. */
export type CommandError = ErrorBody;

/** One attempt of one run, as it ended. */
export interface AttemptView {
  readonly run: number;
  readonly attempt: number;
  /** How the attempt ended: `success`, `failed`, `timeout`, `lost` (its process died), `released` (gave itself back), … */
  readonly outcome: string;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  readonly error?: CommandError;
}

/** `GET /commands/:taskId`. */
export interface CommandView<TResult = unknown> {
  readonly taskId: string;
  readonly taskType: string;
  readonly status: CommandStatus;
  readonly run: number;
  /** Handler starts in this run. */
  readonly attempts: number;
  readonly deadLettered: boolean;
  readonly history: readonly AttemptView[];
  readonly priority: Priority;
  readonly createdAt: string;
  readonly runAt: string;
  readonly startedAt: string | null;
  readonly updatedAt: string;
  readonly finishedAt: string | null;
  /** Milliseconds of the last attempt's handler, once it has ended. */
  readonly duration: number | null;
  readonly expiresAt?: string;
  readonly correlationId?: string;
  readonly concurrencyKey?: string;
  readonly payload?: unknown;
  readonly metadata?: CommandMetadata;
  readonly result?: TResult;
  readonly error?: CommandError;
}

/** The answer to a command that has ended: 200 of `POST /command/process`. */
export interface CommandOutcome<TResult = unknown> {
  readonly taskId: string;
  readonly status: TerminalStatus;
  readonly result?: TResult;
  readonly error?: CommandError;
  /** Milliseconds from acceptance to end. */
  readonly processingTime: number;
}

/** The answer to a command that goes on: 202. Both estimates are O(1) guesses. */
export interface CommandAccepted {
  readonly taskId: string;
  readonly status: 'ACCEPTED';
  /** How many commands of its type are to start before it; 0 when it has started. */
  readonly queuePosition: number;
  /** ISO 8601 instant. */
  readonly estimatedCompletion: string;
}

/** One answer of `POST /commands/batch`, in the order of the items. */
export type BatchItem =
  | { readonly taskId: string; readonly status: 'ACCEPTED'; readonly replay?: true }
  | { readonly taskId?: string; readonly error: ErrorBody; readonly line?: number };

export const COMMAND_EVENT_TYPES = [
  'command.queued',
  'command.started',
  'command.progress',
  'command.retrying',
  'command.succeeded',
  'command.failed',
  'command.cancelled',
  'command.expired',
] as const;
export type CommandEventType = (typeof COMMAND_EVENT_TYPES)[number];

/** What SSE and WebSocket subscribers receive; `id` is opaque and belongs to the stream that it came from. */
export interface CommandEvent {
  /** Absent on progress, which is not stored and cannot be resumed. */
  readonly id?: string;
  readonly type: CommandEventType;
  readonly taskId: string;
  readonly taskType: string;
  readonly status: CommandStatus;
  readonly attempt: number;
  /** ISO 8601 instant. */
  readonly at: string;
  /** `command.progress` only: what the handler reported. */
  readonly progress?: unknown;
  readonly error?: CommandError;
  /** `command.retrying` only: ISO 8601 instant of the next attempt. */
  readonly nextAttemptAt?: string;
}

/** Sent instead of events when `Last-Event-ID` is too old: start again from this state. */
export interface CommandReset {
  readonly type: 'reset';
  readonly id?: string;
  /** The command as it is now, or for the stream of all commands the counts by status. */
  readonly snapshot: unknown;
}

export interface Page<TItem> {
  readonly items: readonly TItem[];
  readonly nextCursor: string | null;
}
