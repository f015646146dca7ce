import type { ScenarioSummary, VariantSummary } from './results.ts';
import type { Spread } from './statistics.ts';
import type { TargetVerdict } from './targets.ts';

const NUMBER = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 3 });
const WHOLE = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

function show(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return '–';
  return Math.abs(value) >= 100 ? WHOLE.format(value) : NUMBER.format(value);
}

function showSpread(spread: Spread | undefined): string {
  if (spread === undefined) return '–';
  return spread.min === spread.max
    ? show(spread.median)
    : `${show(spread.median)} (${show(spread.min)}–${show(spread.max)})`;
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function variantRow(variant: VariantSummary, summary: ScenarioSummary): string {
  const { scenario } = summary;
  if (variant.skipped !== undefined)
    return row([variant.name, `skipped: ${variant.skipped}`, '', '', '', '', '', '', '']);
  const { latencyMs: latency } = variant;
  return row([
    variant.name,
    showSpread(variant.metrics[scenario.metric]),
    show(variant.ratio),
    ...[latency?.p50, latency?.p95, latency?.p99, latency?.p999, latency?.max].map(show),
    show(variant.metrics.rssMaxMb?.max),
  ]);
}

function scenarioSection(summary: ScenarioSummary): string[] {
  const { scenario, variants } = summary;
  const others = (variant: VariantSummary) =>
    Object.entries(variant.metrics)
      .filter(([name]) => name !== scenario.metric && name !== 'rssMaxMb')
      .map(([name, spread]) => `${name} ${showSpread(spread)}`);
  const notRun = variants.filter(
    ({ runs, skipped, problems }) => runs === 0 && skipped === undefined && problems.length === 0,
  );
  return [
    `### ${scenario.name}`,
    '',
    row(['variant', scenario.metric, `× ${scenario.baseline}`, 'p50 ms', 'p95', 'p99', 'p99.9', 'max', 'RSS max MB']),
    row(Array.from({ length: 9 }, () => '---')),
    ...variants.filter((variant) => !notRun.includes(variant)).map((variant) => variantRow(variant, summary)),
    '',
    ...(notRun.length === 0 ? [] : [`- not run: ${notRun.map(({ name }) => name).join(', ')}`]),
    ...variants
      .filter(({ runs }) => runs > 0)
      .map((variant) => {
        const versions = Object.entries(variant.versions).map(([name, version]) => `${name} ${version}`);
        return `- ${variant.name}: ${[...versions, ...variant.notes, ...others(variant)].join('; ')}`;
      }),
    ...variants.flatMap(({ name, problems }) => problems.map((problem) => `- **${name}**: ${problem}`)),
    '',
  ];
}

function targetRow({ scenario, text, variant, measured, runs, reached }: TargetVerdict): string {
  const verdict = measured === undefined ? 'not measured' : reached === undefined ? 'too small to judge' : undefined;
  return row([
    scenario,
    text,
    variant,
    showSpread(measured),
    `${runs}`,
    verdict ?? (reached === true ? 'yes' : '**no**'),
  ]);
}

export interface ReportParts {
  /** When, where and how it was measured. */
  readonly header: readonly string[];
  readonly summaries: readonly ScenarioSummary[];
  readonly targets: readonly TargetVerdict[];
}

/** The report as Markdown: a table a scenario, then one of all ratios, then the targets. */
export function renderReport({ header, summaries, targets }: ReportParts): string {
  const ratios = summaries.flatMap(({ scenario, variants }) =>
    variants
      .filter(({ ratio }) => ratio !== undefined)
      .map(({ name, ratio, metrics }) =>
        row([
          scenario.name,
          name,
          scenario.metric,
          show(metrics[scenario.metric]?.median),
          `${show(ratio)} × ${scenario.baseline}`,
        ]),
      ),
  );
  return [
    '# Benchmark report',
    '',
    ...header.map((line) => `- ${line}`),
    '',
    ...summaries.flatMap(scenarioSection),
    '## Ratios',
    '',
    row(['scenario', 'variant', 'metric', 'median', 'ratio']),
    row(['---', '---', '---', '---', '---']),
    ...ratios,
    '',
    '## Targets',
    '',
    'Median (range) of the runs; ratios are taken round by round. Memory is judged by its worst run, and only where',
    "Millrace is a process of its own: the in-process variants hold the bench's generator too.",
    '',
    row(['scenario', 'target', 'variant', 'measured', 'runs', 'reached']),
    row(Array.from({ length: 6 }, () => '---')),
    ...targets.map(targetRow),
    '',
  ].join('\n');
}
