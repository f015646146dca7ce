import type { Metric, Registry } from 'prom-client';
import { COMMAND_METRICS, type CommandMetricName, type MetricSpec } from './metrics-catalog.ts';

/*
 * Plain numbers that become series when Prometheus asks. prom-client's own counters hash their labels at every step:
 * half a microsecond per command and metric, which is a tenth of what a command costs here.
 */

type Labels = Readonly<Record<string, string | number>>;

interface SeriesValue {
  readonly labels: Labels;
  readonly value: number;
  readonly metricName?: string;
}

/** Registers a metric of the catalogue whose series are made when it is scraped. */
export function registerSeries(
  registry: Registry,
  name: CommandMetricName,
  series: () => readonly SeriesValue[],
): void {
  const { type, help, labels }: MetricSpec = COMMAND_METRICS[name];
  const metric = {
    ...{ name, help, type, labelNames: labels, aggregator: 'sum' },
    reset: () => {},
    get: async () => ({ name, help, type, aggregator: 'sum', values: series() }),
  };
  registry.registerMetric(metric as unknown as Metric<string>);
}

/** Counts by the value of one label. */
export class LabelledCounts {
  readonly #counts = new Map<string, number>();

  add(label: string, count = 1): void {
    this.#counts.set(label, (this.#counts.get(label) ?? 0) + count);
  }

  /** Makes the series visible at zero, so that a rate has a beginning. */
  ensure(label: string): void {
    if (!this.#counts.has(label)) this.#counts.set(label, 0);
  }

  series(label: string): SeriesValue[] {
    return [...this.#counts].map(([value, count]) => ({ labels: { [label]: value }, value: count }));
  }
}

/** The counts of one histogram, for one set of labels. */
export class HistogramCounts {
  readonly #bounds: readonly number[];
  readonly #counts: Float64Array;
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let index = 0;
    while (index < bounds.length && value > (bounds[index] as number)) index++;
    this.#counts[index] = (this.#counts[index] as number) + 1;
    this.#sum += value;
  }

  series(name: string, labels: Labels = {}): SeriesValue[] {
    let total = 0;
    const series: SeriesValue[] = [];
    for (const [index, count] of this.#counts.entries()) {
      total += count;
      const le = this.#bounds[index] ?? '+Inf';
      series.push({ metricName: `${name}_bucket`, labels: { le, ...labels }, value: total });
    }
    series.push({ metricName: `${name}_sum`, labels, value: this.#sum });
    series.push({ metricName: `${name}_count`, labels, value: total });
    return series;
  }
}

/** A histogram of the catalogue without labels. */
export function histogram(registry: Registry, name: CommandMetricName): HistogramCounts {
  const counts = new HistogramCounts(boundsOf(name));
  registerSeries(registry, name, () => counts.series(name));
  return counts;
}

export function boundsOf(name: CommandMetricName): readonly number[] {
  const { buckets = [] }: MetricSpec = COMMAND_METRICS[name];
  return buckets;
}
