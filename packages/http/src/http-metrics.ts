import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '@millrace/kit';
import { Counter, type Histogram, type Metric, type Registry } from 'prom-client';

/** Upper bounds in seconds; 0.1, 0.5 and 1 are asked for by the dashboards and alerts of the contract. */
export const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const MS_PER_SECOND = 1_000;
/** Label of requests that no route took; raw paths would let strangers make up labels. */
export const UNMATCHED_ROUTE = 'unmatched';

type HistogramValue = {
  readonly labels: Record<string, string | number>;
  readonly value: number;
  readonly metricName: string;
};

/** Plain counters of one route and method: prom-client's own cost a string per request, these an addition. */
export class RouteCounters {
  readonly labels: { readonly method: string; readonly route: string };
  readonly statuses = new Map<number, number>();
  readonly buckets = new Float64Array(DURATION_BUCKETS.length + 1);
  readonly #clock: Clock;
  sumSeconds = 0;

  constructor(method: string, route: string, clock: Clock) {
    this.labels = { method, route };
    this.#clock = clock;
  }

  /** Counts the answer when it ends, or when `settle` is called before. */
  begin(response: ServerResponse): void {
    if (!(response instanceof CountedResponse)) return;
    response.counters = this;
    response.startedAtMs = this.#clock.monotonic();
  }

  /** Counts one answer. */
  observe(status: number, startedAtMs: number): void {
    const seconds = (this.#clock.monotonic() - startedAtMs) / MS_PER_SECOND;
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
    this.sumSeconds += seconds;
    let index = 0;
    while (index < DURATION_BUCKETS.length && seconds > (DURATION_BUCKETS[index] ?? 0)) index++;
    this.buckets[index] = (this.buckets[index] ?? 0) + 1;
  }
}

/**
 * A response that counts itself when it ends. The one class here that inherits: Fastify's `onResponse` adds listeners
 * to every response, which costs a tenth of a small request (measured); this costs a field.
 */
export class CountedResponse<TRequest extends IncomingMessage = IncomingMessage> extends ServerResponse<TRequest> {
  counters: RouteCounters | undefined = undefined;
  startedAtMs = 0;

  /** Counts it now: an event stream may stay open for hours, which would say nothing about latency. */
  settle(): void {
    const { counters } = this;
    this.counters = undefined;
    counters?.observe(this.statusCode, this.startedAtMs);
  }

  override end(chunk?: unknown, encoding?: unknown, callback?: unknown): this {
    if (this.counters !== undefined) this.settle();
    return super.end(chunk as string, encoding as BufferEncoding, callback as () => void);
  }
}

/** `http_requests_total` and `http_request_duration_seconds`, kept per route and turned into series when scraped. */
export class HttpMetrics {
  readonly #routes = new Map<string, RouteCounters>();
  readonly #clock: Clock;

  constructor(registry: Registry, clock: Clock) {
    this.#clock = clock;
    const routes = this.#routes;
    new Counter({
      name: 'http_requests_total',
      help: 'Requests answered, by method, route pattern and status.',
      labelNames: ['method', 'route', 'status'],
      registers: [registry],
      collect() {
        this.reset();
        for (const { labels, statuses } of routes.values()) {
          for (const [status, count] of statuses) this.inc({ ...labels, status }, count);
        }
      },
    });
    registry.registerMetric(durationMetric(routes) as unknown as Metric<string>);
  }

  /** The counters of a method and a route pattern. */
  countersOf(method: string, route: string): RouteCounters {
    const key = `${method} ${route}`;
    const counters = this.#routes.get(key) ?? new RouteCounters(method, route, this.#clock);
    this.#routes.set(key, counters);
    return counters;
  }
}

/** A histogram in the shape that a registry asks for; prom-client's has no way to set its counts. */
function durationMetric(
  routes: ReadonlyMap<string, RouteCounters>,
): Pick<Histogram, 'get' | 'reset'> & { name: string } {
  const name = 'http_request_duration_seconds';
  return {
    name,
    reset: () => {},
    get: async () =>
      ({
        name,
        help: 'Seconds from the arrival of a request to the end of its answer, by method and route pattern.',
        type: 'histogram',
        aggregator: 'sum',
        values: [...routes.values()]
          .filter((route) => route.statuses.size > 0)
          .flatMap((route) => toSeries(name, route)),
      }) as unknown as ReturnType<Histogram['get']>,
  };
}

function toSeries(name: string, { labels, buckets, sumSeconds }: RouteCounters): HistogramValue[] {
  let total = 0;
  const series: HistogramValue[] = [];
  for (const [index, count] of buckets.entries()) {
    total += count;
    const le = DURATION_BUCKETS[index] ?? '+Inf';
    series.push({ metricName: `${name}_bucket`, labels: { le, ...labels }, value: total });
  }
  series.push({ metricName: `${name}_sum`, labels, value: sumSeconds });
  series.push({ metricName: `${name}_count`, labels, value: total });
  return series;
}
