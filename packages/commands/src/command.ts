import type { CommandStatus, Priority, TerminalStatus } from '@millrace/kit';

/** A command as `commands` holds it. Instants are ms since the epoch. */
export interface CommandRow {
  readonly id: number;
  readonly task_id: string;
  readonly task_type: string;
  readonly status: CommandStatus;
  /** 1: may be claimed; 0: waits for `due_at`; null: runs or has ended. */
  readonly ready: 0 | 1 | null;
  readonly concurrency_key: string;
  readonly order_at: number;
  readonly due_at: number;
  readonly expires_at: number | null;
  readonly priority: Priority;
  readonly timeout_ms: number;
  readonly run: number;
  /** Handler starts of this run. */
  readonly attempts: number;
  /** Attempts of this run that count against the retry policy. */
  readonly failures: number;
  /** How often a process died (or lost its lease) while it held this command. */
  readonly crashes: number;
  /** The fencing token: raised by every claim, never reset. */
  readonly lease: number;
  /** Number of the worker (a process between start and stop) that holds the lease. */
  readonly lease_owner: number | null;
  readonly dead_lettered: 0 | 1;
  readonly error_code: string | null;
  readonly correlation_id: string | null;
  readonly created_at: number;
  /** When the current run was opened. */
  readonly queued_at: number;
  readonly started_at: number | null;
  readonly updated_at: number;
  readonly finished_at: number | null;
  readonly duration: number | null;
}

/** What a new command brings along; everything else follows from it. */
export interface NewCommand {
  readonly id: number;
  readonly taskId: string;
  readonly taskType: string;
  readonly concurrencyKey: string;
  readonly orderAt: number;
  readonly dueAt: number;
  readonly expiresAt: number | null;
  readonly priority: Priority;
  readonly timeoutMs: number;
  readonly correlationId: string | null;
  readonly createdAt: number;
  /** JSON texts. */
  readonly payload: string | null;
  readonly metadata: string | null;
  readonly callbackUrl: string | null;
  /** W3C `traceparent` of the request. */
  readonly trace: string | null;
}

/** A command in the hands of this process. */
export interface LeasedCommand {
  readonly id: number;
  readonly taskId: string;
  readonly taskType: string;
  readonly concurrencyKey: string;
  readonly priority: Priority;
  readonly timeoutMs: number;
  readonly run: number;
  readonly attempt: number;
  readonly failures: number;
  readonly crashes: number;
  readonly lease: number;
  readonly correlationId: string | null;
  readonly createdAt: number;
  readonly queuedAt: number;
  readonly dueAt: number;
  /** Not begun after this instant, in ms since the epoch. */
  readonly expiresAt: number | null;
  readonly payload: string | null;
  readonly metadata: string | null;
  readonly callbackUrl: string | null;
  readonly trace: string | null;
}

/** How an attempt ended and what the command becomes by it. */
export interface EndedAttempt {
  readonly id: number;
  readonly taskType: string;
  readonly lease: number;
  readonly attempt: number;
  /** `success`, `partial`, `failed`, `timeout`, `released`, `returned`, `lost`, `crashed`. */
  readonly outcome: AttemptOutcome;
  readonly status: TerminalStatus | 'RETRYING' | 'QUEUED';
  /** When it may be claimed again; of RETRYING and QUEUED only. */
  readonly dueAt: number;
  readonly orderAt: number;
  /** 1 when the attempt counts against the retry policy. */
  readonly burnt: 0 | 1;
  readonly deadLettered: 0 | 1;
  readonly startedAt: number | null;
  readonly endedAt: number;
  readonly durationMs: number;
  /** JSON texts. */
  readonly result: string | null;
  readonly error: string | null;
  readonly errorCode: string | null;
  /** Somebody wants to hear of its end: it is noted in the same transaction. */
  readonly hasCallback: boolean;
}

export type AttemptOutcome =
  | 'success'
  | 'partial'
  | 'failed'
  | 'timeout'
  | 'released'
  | 'returned'
  | 'lost'
  | 'crashed'
  | 'cancelled'
  | 'expired';

/** Head start over commands of the same key, in ms: static, so that it can be indexed and nothing starves. */
export const HEAD_START_MS: Readonly<Record<Priority, number>> = {
  urgent: 600_000,
  high: 120_000,
  normal: 30_000,
  low: 0,
};

/** Where a command stands among those of its key: its due time less its head start. */
export function orderAtOf(dueAt: number, priority: Priority): number {
  return dueAt - HEAD_START_MS[priority];
}

/**
 * The state machine: from which states each may be entered. A terminal state is left only by opening the next run.
 *
 *   QUEUED, SCHEDULED → RUNNING → SUCCESS | PARTIAL_SUCCESS | FAILURE | RETRYING → RUNNING …
 *   any that has not ended → CANCELLED; QUEUED, SCHEDULED, RETRYING → EXPIRED
 *   FAILURE, CANCELLED, EXPIRED, PARTIAL_SUCCESS → QUEUED (run n+1)
 */
export const TRANSITIONS: Readonly<Record<CommandStatus, readonly CommandStatus[]>> = {
  SCHEDULED: ['QUEUED', 'RUNNING', 'CANCELLED', 'EXPIRED'],
  QUEUED: ['RUNNING', 'CANCELLED', 'EXPIRED'],
  RUNNING: ['SUCCESS', 'PARTIAL_SUCCESS', 'FAILURE', 'RETRYING', 'QUEUED', 'CANCELLED'],
  RETRYING: ['RUNNING', 'CANCELLED', 'EXPIRED'],
  SUCCESS: [],
  PARTIAL_SUCCESS: ['QUEUED'],
  FAILURE: ['QUEUED'],
  CANCELLED: ['QUEUED'],
  EXPIRED: ['QUEUED'],
};

export function mayBecome(from: CommandStatus, to: CommandStatus): boolean {
  return TRANSITIONS[from].includes(to);
}

/** Commands that killed their process this often are poison: dead-lettered without another try. */
export const CRASHES_MAX = 3;

/** From this many crashes on a command is a suspect: it is run with no other suspect beside it. */
export const SUSPECT_CRASHES = 2;

/** A new command that is stored straight into a slot. */
export function leasedOnArrival(command: NewCommand): LeasedCommand {
  return {
    id: command.id,
    taskId: command.taskId,
    taskType: command.taskType,
    concurrencyKey: command.concurrencyKey,
    priority: command.priority,
    timeoutMs: command.timeoutMs,
    run: 1,
    attempt: 1,
    failures: 0,
    crashes: 0,
    lease: 1,
    correlationId: command.correlationId,
    createdAt: command.createdAt,
    queuedAt: command.createdAt,
    dueAt: command.dueAt,
    expiresAt: command.expiresAt,
    payload: command.payload,
    metadata: command.metadata,
    callbackUrl: command.callbackUrl,
    trace: command.trace,
  };
}
