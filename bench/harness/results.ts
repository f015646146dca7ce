import type { Percentiles, Scenario, VariantReport } from './contract.ts';
import { median, type Spread, spread } from './statistics.ts';

/** One run of one variant, as kept in the raw JSON. */
export interface RunRecord {
  readonly scenario: string;
  readonly variant: string;
  readonly round: number;
  readonly at: string;
  readonly seconds: number;
  readonly report: VariantReport;
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

export interface ScenarioSummary {
  readonly scenario: Scenario;
  readonly variants: readonly VariantSummary[];
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

/** Medians, ranges and ratios to the scenario's baseline. */
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
  return { scenario, variants };
}
