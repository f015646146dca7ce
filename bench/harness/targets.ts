/**
 * The targets, judged from the raw records alone: the same JSON gives the same verdicts, on any machine, at any time.
 */
import type { Scenario, Target } from './contract.ts';
import type { RunRecord } from './results.ts';
import { type Spread, spread } from './statistics.ts';

export interface TargetVerdict {
  readonly scenario: string;
  readonly text: string;
  readonly variant: string;
  /** Absent when nothing of it was measured. */
  readonly measured: Spread | undefined;
  /** Runs, or pairs of runs of one round, that the judgement rests on. */
  readonly runs: number;
  /** Absent when nothing was measured or the run was too small to judge. */
  readonly reached: boolean | undefined;
}

/** The metric of every round in which the variant was measured and none of its checks failed. */
function byRound(records: readonly RunRecord[], variant: string, metric: string): Map<number, number> {
  const values = new Map<number, number>();
  for (const record of records) {
    if (record.variant !== variant || record.report.kind !== 'measured') continue;
    const { metrics, checks } = record.report.measurement;
    const value = metrics[metric];
    if (value !== undefined && checks.every(({ held }) => held)) values.set(record.round, value);
  }
  return values;
}

/** Ratios are taken within a round, where both ran minutes apart, so that a drifting machine does not move them. */
function valuesOf(target: Target, records: readonly RunRecord[]): number[] {
  const own = byRound(records, target.variant, target.metric);
  if (target.relativeTo === undefined) return [...own.values()];
  const other = byRound(records, target.relativeTo, target.metric);
  return [...own].flatMap(([round, value]) => {
    const base = other.get(round);
    return base === undefined ? [] : [value / base];
  });
}

function isReached(target: Target, { median, min, max }: Spread): boolean {
  const least = target.always === true ? min : median;
  const most = target.always === true ? max : median;
  return least >= (target.atLeast ?? Number.NEGATIVE_INFINITY) && most <= (target.atMost ?? Number.POSITIVE_INFINITY);
}

/** Holds every target against the records; with `canJudge: false` (a smoke run) it only shows what was measured. */
export function judgeTargets(
  scenarios: readonly Scenario[],
  records: readonly RunRecord[],
  canJudge = true,
): TargetVerdict[] {
  return scenarios.flatMap(({ name, targets }) => {
    const own = records.filter(({ scenario }) => scenario === name);
    return targets.map((target) => {
      const values = valuesOf(target, own);
      const measured = values.length === 0 ? undefined : spread(values);
      return {
        scenario: name,
        text: target.text,
        variant: target.variant,
        measured,
        runs: values.length,
        reached: measured === undefined || !canJudge ? undefined : isReached(target, measured),
      };
    });
  });
}

/** Millrace may never hold more than this, in any run of any scenario that measures a server of its own process. */
const RESIDENT_MB_MAX = 200;

export function residentTargets(variants: readonly string[]): Target[] {
  return variants.map((variant) => ({
    text: `resident memory < ${RESIDENT_MB_MAX} MB in every run`,
    variant,
    metric: 'rssMaxMb',
    atMost: RESIDENT_MB_MAX,
    always: true,
  }));
}
