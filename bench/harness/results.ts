import type { Percentiles, Scenario, Target, VariantReport } from './contract.ts';
import { median } from './statistics.ts';

/** One run of one variant, as kept in the raw JSON. */
export interface RunRecord {
  readonly scenario: string;
  readonly variant: string;
  readonly round: number;
  readonly at: string;
  readonly seconds: number;
  readonly report: VariantReport;
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface VariantSummary {
  readonly name: string;
  readonly runs: number;
  readonly metrics: Readonly<Record<string, Spread>>;
  readonly latencyMs: Percentiles | undefined;
  /** The median of the scenario's metric over the baseline's, or `undefined` without a baseline. */
  readonly ratio: number | undefined;
  readonly skipped: string | undefined;
  readonly problems: readonly string[];
  readonly notes: readonly string[];
  readonly versions: Readonly<Record<string, string>>;
}

export interface TargetResult {
  readonly target: Target;
  readonly value: number | undefined;
  readonly reached: boolean | undefined;
}

export interface ScenarioSummary {
  readonly scenario: Scenario;
  readonly variants: readonly VariantSummary[];
  readonly targets: readonly TargetResult[];
}

function spread(values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

function problemsOf({ report, round }: RunRecord): string[] {
  if (report.kind === 'failed') return [`round ${round}: ${report.reason}`];
  if (report.kind === 'skipped') return [];
  const broken = report.measurement.checks.filter(({ held }) => !held);
  return broken.map(({ name, detail }) => `round ${round}: INVALID, not so: ${name} (${detail})`);
}

function summarizeVariant(name: string, records: readonly RunRecord[]): VariantSummary {
  const measured = records.flatMap(({ report }) => (report.kind === 'measured' ? [report.measurement] : []));
  const skipped = records.flatMap(({ report }) => (report.kind === 'skipped' ? [report.reason] : []))[0];
  const names = new Set(measured.flatMap(({ metrics }) => Object.keys(metrics)));
  const metrics: Record<string, Spread> = {};
  for (const metric of names) metrics[metric] = spread(measured.flatMap(({ metrics: all }) => all[metric] ?? []));
  const latencies = measured.flatMap(({ latencyMs }) => latencyMs ?? []);
  const at = (key: keyof Percentiles) => median(latencies.map((latency) => latency[key]));
  return {
    name,
    runs: measured.length,
    metrics,
    latencyMs:
      latencies.length === 0
        ? undefined
        : { p50: at('p50'), p95: at('p95'), p99: at('p99'), p999: at('p999'), max: at('max') },
    ratio: undefined,
    skipped,
    problems: records.flatMap(problemsOf),
    notes: measured[0]?.notes ?? [],
    versions: measured[0]?.versions ?? {},
  };
}

function judge(target: Target, variants: readonly VariantSummary[]): TargetResult {
  const medianOf = (name: string) => variants.find((variant) => variant.name === name)?.metrics[target.metric]?.median;
  const own = medianOf(target.variant);
  const other = target.relativeTo === undefined ? 1 : medianOf(target.relativeTo);
  if (own === undefined || other === undefined) return { target, value: undefined, reached: undefined };
  const value = own / other;
  const reached =
    value >= (target.atLeast ?? Number.NEGATIVE_INFINITY) && value <= (target.atMost ?? Number.POSITIVE_INFINITY);
  return { target, value, reached };
}

/** Medians, ranges, ratios to the scenario's baseline and the targets. */
export function summarize(scenario: Scenario, records: readonly RunRecord[]): ScenarioSummary {
  const plain = scenario.variants.map(({ name }) =>
    summarizeVariant(
      name,
      records.filter((record) => record.scenario === scenario.name && record.variant === name),
    ),
  );
  const base = plain.find(({ name }) => name === scenario.baseline)?.metrics[scenario.metric]?.median;
  const variants = plain.map((variant) => {
    const own = variant.metrics[scenario.metric]?.median;
    return { ...variant, ratio: own === undefined || base === undefined ? undefined : own / base };
  });
  return { scenario, variants, targets: scenario.targets.map((target) => judge(target, variants)) };
}
