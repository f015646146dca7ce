import { duration, table } from '../cli/format.ts';
import type { DemoReport } from './run-demo.ts';
import type { Percentiles, TypeSummary } from './summary.ts';

const HEAD = [
  'type',
  'commands',
  'states',
  'retries',
  'dead letters',
  'p50',
  'p95',
  'p99',
  'handler p50',
  'handler p99',
];

/** The report for people to read. */
export function describeReport(report: DemoReport): string {
  const { all, types, urgent, accepted, acceptedInMs, endedInMs, example, primes } = report;
  return [
    '',
    table(HEAD, [...types, all].map(toRow)),
    '(p50, p95, p99: from acceptance, or from when it was due, to the end, waiting included)',
    '',
    `${whole(accepted)} commands accepted in ${duration(acceptedInMs)} (${perSecond(accepted, acceptedInMs)}/s), ` +
      `all ended after ${duration(endedInMs)} (${perSecond(all.count, endedInMs)}/s).`,
    `${whole(urgent.count)} urgent ones, sent meanwhile one by one, had their results after ${inWords(urgent.latencyMs)}.`,
    `${whole(primes)} prime numbers were counted in worker threads.`,
    '',
    `One of them whole, as GET /commands/${example.taskId} shows it:`,
    JSON.stringify(example, null, 2),
  ].join('\n');
}

function toRow(summary: TypeSummary): readonly string[] {
  const { taskType, count, statuses, retries, deadLettered, latencyMs, handlerMs } = summary;
  const states = Object.entries(statuses).map(([status, number]) => `${whole(number)} ${status}`);
  const { p50, p95, p99 } = latencyMs;
  const times = [p50, p95, p99, handlerMs.p50, handlerMs.p99].map(duration);
  return [taskType, whole(count), states.join(', '), whole(retries), whole(deadLettered), ...times];
}

function inWords({ p50, p95, p99 }: Percentiles): string {
  return `${duration(p50)} (p50), ${duration(p95)} (p95), ${duration(p99)} (p99)`;
}

function perSecond(count: number, ms: number): string {
  return whole(Math.round((count / ms) * 1_000));
}

function whole(number: number): string {
  return number.toLocaleString('en-US');
}
