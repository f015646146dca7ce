import {
  type AttemptView,
  type CommandError,
  type CommandMetadata,
  type CommandOutcome,
  type CommandStatus,
  type CommandView,
  isTerminal,
  type TerminalStatus,
} from '@millrace/kit';
import type { AttemptRow, WideRow } from './sql/read-commands.ts';

/** The public shape of a stored command. */
export function commandView(row: WideRow, attempts: readonly AttemptRow[]): CommandView {
  return {
    taskId: row.task_id,
    taskType: row.task_type,
    status: row.status,
    run: row.run,
    attempts: row.attempts,
    deadLettered: row.dead_lettered === 1,
    history: [...attempts.map(attemptView), ...lastAttempt(row)],
    priority: row.priority,
    createdAt: iso(row.created_at),
    runAt: iso(row.due_at),
    startedAt: isoOrNull(row.started_at),
    updatedAt: iso(row.updated_at),
    finishedAt: isoOrNull(row.finished_at),
    duration: row.duration,
    ...(row.expires_at === null ? {} : { expiresAt: iso(row.expires_at) }),
    ...(row.correlation_id === null ? {} : { correlationId: row.correlation_id }),
    ...(row.concurrency_key === '' ? {} : { concurrencyKey: row.concurrency_key }),
    ...(row.payload === null ? {} : { payload: JSON.parse(row.payload) as unknown }),
    ...(row.metadata === null ? {} : { metadata: JSON.parse(row.metadata) as CommandMetadata }),
    ...(row.result === null ? {} : { result: JSON.parse(row.result) as unknown }),
    ...(row.error === null ? {} : { error: JSON.parse(row.error) as CommandError }),
  };
}

/** What a caller is told of a command that has ended; `undefined` while it has not. */
export function outcomeOf(row: {
  readonly task_id: string;
  readonly status: CommandStatus;
  readonly queued_at: number;
  readonly finished_at: number | null;
  readonly result: string | null;
  readonly error: string | null;
}): CommandOutcome | undefined {
  if (!isTerminal(row.status) || row.finished_at === null) return undefined;
  return outcome({
    taskId: row.task_id,
    status: row.status,
    result: row.result,
    error: row.error,
    processingMs: row.finished_at - row.queued_at,
  });
}

export function outcome(ended: {
  readonly taskId: string;
  readonly status: TerminalStatus;
  readonly result: string | null;
  readonly error: string | null;
  readonly processingMs: number;
}): CommandOutcome {
  return {
    taskId: ended.taskId,
    status: ended.status,
    ...(ended.result === null ? {} : { result: JSON.parse(ended.result) as unknown }),
    ...(ended.error === null ? {} : { error: JSON.parse(ended.error) as CommandError }),
    processingTime: Math.max(0, ended.processingMs),
  };
}

function attemptView(row: AttemptRow): AttemptView {
  return {
    run: row.run,
    attempt: row.attempt,
    outcome: attemptOutcome(row.outcome, row.error),
    startedAt: isoOrNull(row.started_at),
    endedAt: iso(row.ended_at),
    ...(row.error === null ? {} : { error: JSON.parse(row.error) as CommandError }),
  };
}

/** The attempt that the row itself tells of: the one at work or the one that ended the run. */
function lastAttempt(row: WideRow): AttemptView[] {
  const isOver = row.finished_at !== null;
  if (!isOver && row.status !== 'RUNNING') return [];
  return [
    {
      run: row.run,
      attempt: row.attempts,
      outcome: attemptOutcome(row.status.toLowerCase(), row.error),
      startedAt: isoOrNull(row.started_at),
      endedAt: isoOrNull(row.finished_at),
      ...(row.error === null ? {} : { error: JSON.parse(row.error) as CommandError }),
    },
  ];
}

function iso(at: number): string {
  return new Date(at).toISOString();
}

function isoOrNull(at: number | null): string | null {
  return at === null ? null : iso(at);
}

/** The attempt that ended a run is kept as the run's status; it is shown as what became of the attempt, as all others. */
function attemptOutcome(outcome: string, error: string | null): string {
  if (outcome !== 'failure') return outcome;
  const { code } = Object(error === null ? null : JSON.parse(error)) as Partial<CommandError>;
  return code === 'TIMEOUT_ERROR' ? 'timeout' : 'failed';
}
