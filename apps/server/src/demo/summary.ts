import type { CommandStatus, CommandView } from '@millrace/kit';
import type { PrimeCount } from './count-primes.ts';
import { DEMO_TYPES } from './demo-commands.ts';

/** Milliseconds by nearest rank. */
export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

export interface TypeSummary {
  readonly taskType: string;
  readonly count: number;
  readonly statuses: Readonly<Partial<Record<CommandStatus, number>>>;
  /** Handler starts beyond each command's first. */
  readonly retries: number;
  readonly deadLettered: number;
  /** From acceptance (of delayed ones: from when they were due) to end, in ms. */
  readonly latencyMs: Percentiles;
  /** Handler time of the last attempt, in ms. */
  readonly handlerMs: Percentiles;
}

interface Tally {
  count: number;
  retries: number;
  deadLettered: number;
  readonly statuses: Partial<Record<CommandStatus, number>>;
  readonly latenciesMs: number[];
  readonly handlersMs: number[];
}

/** What of a command the summary is made of; the rest need not be sent. */
export const SUMMARY_FIELDS = 'taskId,taskType,status,attempts,deadLettered,createdAt,runAt,finishedAt,duration,result';

/** Adds up commands as the server shows them, one by one, and forgets them. */
export class SummaryBuilder {
  readonly #types = new Map<string, Tally>();
  readonly #all: Tally = newTally();
  #primes = 0;

  add(view: CommandView): void {
    if (view.taskType === DEMO_TYPES.primes) this.#primes += (view.result as PrimeCount | undefined)?.primes ?? 0;
    const ofType = this.#types.get(view.taskType) ?? newTally();
    this.#types.set(view.taskType, ofType);
    for (const tally of [ofType, this.#all]) addTo(tally, view);
  }

  /** Prime numbers found by all COUNT_PRIMES together. */
  get primes(): number {
    return this.#primes;
  }

  get all(): TypeSummary {
    return summaryOf('all', this.#all);
  }

  /** By type, the most frequent first. */
  get types(): readonly TypeSummary[] {
    return [...this.#types].map(([taskType, tally]) => summaryOf(taskType, tally)).sort((a, b) => b.count - a.count);
  }
}

function newTally(): Tally {
  return { count: 0, retries: 0, deadLettered: 0, statuses: {}, latenciesMs: [], handlersMs: [] };
}

function addTo(tally: Tally, view: CommandView): void {
  tally.count += 1;
  tally.retries += Math.max(0, view.attempts - 1);
  tally.deadLettered += view.deadLettered ? 1 : 0;
  tally.statuses[view.status] = (tally.statuses[view.status] ?? 0) + 1;
  if (view.finishedAt === null) return;
  tally.latenciesMs.push(Date.parse(view.finishedAt) - acceptedAt(view));
  tally.handlersMs.push(view.duration ?? 0);
}

/** A delay that was asked for is no latency; the pause before a retry, which moves `runAt` too, is. */
function acceptedAt({ attempts, createdAt, runAt }: CommandView): number {
  return Date.parse(attempts <= 1 ? runAt : createdAt);
}

function summaryOf(taskType: string, tally: Tally): TypeSummary {
  const { count, statuses, retries, deadLettered, latenciesMs, handlersMs } = tally;
  const latencyMs = percentilesOf(latenciesMs);
  return { taskType, count, statuses, retries, deadLettered, latencyMs, handlerMs: percentilesOf(handlersMs) };
}

/** All zero of nothing. */
export function percentilesOf(values: readonly number[]): Percentiles {
  const ascending = Float64Array.from(values).sort();
  const rank = (fraction: number) => ascending[Math.max(0, Math.ceil(fraction * ascending.length) - 1)] ?? 0;
  return { p50: rank(0.5), p95: rank(0.95), p99: rank(0.99) };
}
