import type { CommandStatus } from '@millrace/kit';
import { DEMO_TYPES } from './demo-commands.ts';
import type { DemoReport } from './run-demo.ts';
import type { TypeSummary } from './summary.ts';
import type { ExpectedType, Workload } from './workload.ts';

/** taskIds that a sentence names at the most. */
const NAMED_MAX = 5;

/** A sentence for each thing that is not exactly as it must be; none when nothing was lost and nothing ran twice. */
export function checkDemo(workload: Workload, report: DemoReport): readonly string[] {
  const byType = new Map(report.types.map((summary) => [summary.taskType, summary]));
  const urgent = { taskType: DEMO_TYPES.assistant, count: report.urgent.count };
  const expected = workload.expected.map((type) =>
    type.taskType === urgent.taskType ? { ...type, count: type.count + urgent.count } : type,
  );
  const deadLettered = sumOf(workload.expected.filter(({ status }) => status === 'FAILURE'));
  return [
    ...differs('commands accepted', report.accepted, workload.count),
    ...differs('dead letters listed', report.deadLetters, deadLettered),
    ...missing(report.missing),
    ...expected.flatMap((type) => differencesOf(type, byType.get(type.taskType))),
    ...cron(byType.get(DEMO_TYPES.tick)),
    ...strangers(report, expected),
  ];
}

function differencesOf({ taskType, count, status, attempts }: ExpectedType, actual: TypeSummary | undefined): string[] {
  if (count === 0) return [];
  const retries = count * (attempts - 1);
  return [
    ...differs(`${taskType} in state ${status}`, actual?.statuses[status] ?? 0, count),
    ...others(taskType, status, actual),
    // A process that stood still runs an attempt again (at-least-once): more are no mistake, fewer are.
    ...differs(`retries of ${taskType}`, Math.min(actual?.retries ?? 0, retries), retries),
    ...differs(`dead-lettered ${taskType}`, actual?.deadLettered ?? 0, status === 'FAILURE' ? count : 0),
  ];
}

/** Commands in states where none should be. */
function others(taskType: string, status: CommandStatus, actual: TypeSummary | undefined): string[] {
  return Object.entries(actual?.statuses ?? {})
    .filter(([other]) => other !== status)
    .flatMap(([other, count]) => differs(`${taskType} in state ${other}`, count, 0));
}

function cron(ticks: TypeSummary | undefined): string[] {
  const fired = ticks?.statuses.SUCCESS ?? 0;
  return fired > 0 && fired === ticks?.count
    ? []
    : [`The schedule fired ${ticks?.count ?? 0} times, ${fired} with success.`];
}

function missing(taskIds: readonly string[]): string[] {
  if (taskIds.length === 0) return [];
  const more = taskIds.length > NAMED_MAX ? ', …' : '';
  return [`${taskIds.length} accepted commands have not ended: ${taskIds.slice(0, NAMED_MAX).join(', ')}${more}.`];
}

function strangers(report: DemoReport, expected: readonly ExpectedType[]): string[] {
  const known = new Set<string>([...expected.map(({ taskType }) => taskType), DEMO_TYPES.tick]);
  return report.types
    .filter(({ taskType }) => !known.has(taskType))
    .map(({ taskType, count }) => `There are ${count} commands of the type ${taskType}, which nobody submitted.`);
}

function differs(what: string, actual: number, expected: number): string[] {
  return actual === expected ? [] : [`${what}: ${actual} instead of ${expected}.`];
}

function sumOf(types: readonly ExpectedType[]): number {
  return types.reduce((sum, { count }) => sum + count, 0);
}
