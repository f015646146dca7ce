import type { ScenarioSummary, Spread, TargetResult, VariantSummary } from './results.ts';

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
  return [
    `### ${scenario.name}`,
    '',
    row(['variant', scenario.metric, `× ${scenario.baseline}`, 'p50 ms', 'p95', 'p99', 'p99.9', 'max', 'RSS max MB']),
    row(Array.from({ length: 9 }, () => '---')),
    ...variants.map((variant) => variantRow(variant, summary)),
    '',
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

function targetRow({ target, value, reached }: TargetResult, scenario: string): string {
  const verdict = reached === undefined ? 'not measured' : reached ? 'reached' : 'MISSED';
  return row([scenario, target.text, show(value), verdict]);
}

export interface ReportHeader {
  readonly lines: readonly string[];
}

/** The report as Markdown: a table a scenario, then one of all ratios, then the targets. */
export function renderReport(header: ReportHeader, summaries: readonly ScenarioSummary[]): string {
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
    ...header.lines.map((line) => `- ${line}`),
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
    row(['scenario', 'target', 'measured', 'verdict']),
    row(['---', '---', '---', '---']),
    ...summaries.flatMap(({ scenario, targets }) => targets.map((result) => targetRow(result, scenario.name))),
    '',
  ].join('\n');
}
