import type { Metrics } from '@millrace/http';
import { generatedHeader, markdownTable } from './markdown.ts';

const INTRODUCTION = `Served as Prometheus text on \`METRICS_PATH\`, on the main port unless \`METRICS_PORT\` is set. Durations are in seconds and
sizes in bytes, as Prometheus asks. A histogram has \`_bucket\`, \`_sum\` and \`_count\` series.`;

/** What prom-client gives of a metric as JSON. */
interface CollectedMetric {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly values?: readonly { readonly labels: Readonly<Record<string, unknown>> }[];
}

/** Labels that come with the type of the metric. */
const TYPE_LABELS: ReadonlySet<string> = new Set(['le', 'quantile']);

/** `docs/reference/metrics.md`: everything that has been registered. Labels are those declared or seen in a value. */
export async function renderMetrics(registry: Metrics['registry']): Promise<string> {
  const metrics = (await registry.getMetricsAsJSON()) as unknown as readonly CollectedMetric[];
  const rows = metrics
    .toSorted((left, right) => (left.name < right.name ? -1 : 1))
    .map((metric) => [`\`${metric.name}\``, metric.type, labelsOf(metric, registry).join(', '), metric.help]);
  const table = markdownTable(['Name', 'Type', 'Labels', 'What it says'], rows);
  return `${[generatedHeader('Metrics'), INTRODUCTION, table].join('\n\n')}\n`;
}

function labelsOf({ name, values = [] }: CollectedMetric, registry: Metrics['registry']): string[] {
  const declared = (registry.getSingleMetric(name) as unknown as { labelNames?: readonly string[] }).labelNames ?? [];
  const seen = values.flatMap(({ labels }) => Object.keys(labels));
  return [...new Set([...declared, ...seen])].filter((label) => !TYPE_LABELS.has(label));
}
