import type { Store } from '@millrace/engines/store';
import type { Execution, Oracle } from './oracle.ts';

interface FinalRow {
  readonly task_id: string;
  readonly status: string;
  readonly run: number;
  readonly failures: number;
  readonly crashes: number;
  readonly result: string | null;
  readonly stored: number | null;
}

interface AttemptRow {
  readonly task_id: string;
  readonly run: number;
  readonly attempt: number;
  readonly outcome: string;
  readonly next_at: number | null;
}

const MAX_ATTEMPTS = 3;
const CRASHES_MAX = 3;

/** What must hold once everything has ended; returns the rows, for the trace. */
export async function checkEnd(of: {
  readonly store: Store;
  readonly oracle: Oracle;
  readonly hasJumps: boolean;
}): Promise<readonly FinalRow[]> {
  const { store, oracle } = of;
  const rows = await store.query<FinalRow>(
    `SELECT c.task_id, c.status, c.run, c.failures, c.crashes, r.result, r.command_id AS stored
     FROM commands c LEFT JOIN command_results r ON r.command_id = c.id ORDER BY c.id`,
  );
  const byTaskId = new Map(rows.map((row) => [row.task_id, row]));
  for (const [taskId, told] of oracle.told) {
    const row = byTaskId.get(taskId);
    if (row === undefined) {
      if (told.acknowledged && !told.removalUnknown) oracle.violate(`(1) ${taskId} was acknowledged and is lost`);
      continue;
    }
    if (told.removalUnknown) continue;
    checkResult(row, oracle);
    const isFinal = !told.reopened && row.run === 1;
    for (const outcome of told.outcomes) {
      const result = outcome.result === undefined ? null : JSON.stringify(outcome.result);
      if (isFinal && (outcome.status !== row.status || result !== row.result)) {
        oracle.violate(`(2) ${taskId} was told ${outcome.status} ${result} and is ${row.status} ${row.result}`);
      }
    }
  }
  for (const row of rows) {
    if (row.failures > MAX_ATTEMPTS) oracle.violate(`(4) ${row.task_id} failed ${row.failures} times`);
    if (row.crashes > CRASHES_MAX) oracle.violate(`(4) ${row.task_id} crashed ${row.crashes} times`);
  }
  await checkAttempts(of, byTaskId);
  return rows;
}

/** Invariants 3 and 9: the stored result is that of the attempt which began last. */
function checkResult(row: FinalRow, oracle: Oracle): void {
  const succeeded = row.status === 'SUCCESS' || row.status === 'PARTIAL_SUCCESS';
  if (succeeded !== (row.result !== null)) oracle.violate(`(9) ${row.task_id} is ${row.status} with ${row.result}`);
  if (!succeeded || row.result === null) return;
  const { serial } = JSON.parse(row.result) as { serial?: number };
  const newest = oracle.executions.filter((each) => each.taskId === row.task_id && each.run === row.run).at(-1);
  if (newest?.serial !== serial) {
    oracle.violate(
      `(3) ${row.task_id} run ${row.run} has the result of ${serial}, not of the newest ${newest?.serial}`,
    );
  }
}

/** Invariant 4: at most so many attempts count, and none begins before its time. */
async function checkAttempts(
  { store, oracle, hasJumps }: { readonly store: Store; readonly oracle: Oracle; readonly hasJumps: boolean },
  known: ReadonlyMap<string, FinalRow>,
): Promise<void> {
  const attempts = await store.query<AttemptRow>(
    `SELECT c.task_id, a.run, a.attempt, a.outcome, a.next_at
     FROM command_attempts a JOIN commands c ON c.id = a.command_id ORDER BY a.command_id, a.position`,
  );
  const executions = Map.groupBy(oracle.executions, (each) => `${each.taskId} ${each.run}`);
  for (const [key, ofRun] of Map.groupBy(attempts, (each) => `${each.task_id} ${each.run}`)) {
    const taskId = ofRun[0]?.task_id ?? '';
    if (!known.has(taskId) || oracle.told.get(taskId)?.removalUnknown === true) continue;
    const burnt = ofRun.filter(({ outcome }) => outcome === 'failed' || outcome === 'timeout').length;
    if (burnt > MAX_ATTEMPTS) oracle.violate(`(4) ${key} burnt ${burnt} attempts`);
    if (!hasJumps) for (const attempt of ofRun) checkDelay(attempt, executions.get(key) ?? [], oracle);
  }
}

function checkDelay(attempt: AttemptRow, executions: readonly Execution[], oracle: Oracle): void {
  if (!['failed', 'timeout', 'released'].includes(attempt.outcome) || attempt.next_at === null) return;
  const early = executions.find((each) => each.attempt > attempt.attempt && each.beganAt < (attempt.next_at ?? 0));
  if (early !== undefined)
    oracle.violate(`(4) ${early.taskId} attempt ${early.attempt} began before its delay was over`);
}
