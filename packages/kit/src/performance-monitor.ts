import { Ring } from './bounded-ring.ts';
import { type Clock, systemClock } from './clock.ts';
import { type Logger, silentLogger } from './logger.ts';

/** One measured operation. */
export interface PerformanceMetric {
  readonly name: string;
  readonly durationMs: number;
  /** When it ended, in ms since the epoch. */
  readonly timestamp: number;
  /** The threshold of its name at that time, in ms. */
  readonly thresholdMs: number | undefined;
  readonly exceeded: boolean;
}

/** All in ms but `count`. */
export interface PerformanceStatistics {
  readonly min: number;
  readonly max: number;
  readonly avg: number;
  readonly p95: number;
  readonly p99: number;
  readonly count: number;
}

export interface PerformanceMonitorOptions {
  readonly clock?: Clock;
  /** Warned when an operation takes longer than its threshold. Default: silent. */
  readonly logger?: Logger;
  /** Samples kept over all names; the oldest go first. Default 100,000. */
  readonly samplesMax?: number;
}

export const MONITOR_SAMPLES_MAX = 100_000;

/**
 * Measures named operations and keeps the last samples. Writing is O(1); `getStatistics` goes through all samples and
 * is meant for reports. Names need no limit of their own: they live in the samples only.
 */
export class PerformanceMonitor {
  readonly #samples: Ring<PerformanceMetric>;
  readonly #thresholds = new Map<string, number>();
  readonly #clock: Clock;
  readonly #logger: Logger;

  constructor(options: PerformanceMonitorOptions = {}) {
    this.#samples = new Ring(options.samplesMax ?? MONITOR_SAMPLES_MAX);
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
  }

  /** Operations of this name that take longer than `thresholdMs` are marked and warned about. */
  setThreshold(name: string, thresholdMs: number): void {
    this.#thresholds.set(name, thresholdMs);
  }

  /** Starts the watch; the function given back stops it and returns the ms. Stopping again changes nothing. */
  startMeasure(name: string): () => number {
    const startedAt = this.#clock.monotonic();
    let durationMs: number | undefined;
    return () => {
      if (durationMs === undefined) {
        durationMs = this.#clock.monotonic() - startedAt;
        this.#record(name, durationMs);
      }
      return durationMs;
    };
  }

  /** Of the samples kept under a name, `undefined` when there are none. Percentiles by nearest rank. */
  getStatistics(name: string): PerformanceStatistics | undefined {
    const durations = this.#samples.values().flatMap((sample) => (sample.name === name ? [sample.durationMs] : []));
    return durations.length === 0 ? undefined : statisticsOf(Float64Array.from(durations).sort());
  }

  /** Every sample kept, oldest first. */
  getAllMetrics(): readonly PerformanceMetric[] {
    return this.#samples.values();
  }

  /** The samples kept that took longer than their threshold, oldest first. */
  getExceededMetrics(): readonly PerformanceMetric[] {
    return this.#samples.values().filter((sample) => sample.exceeded);
  }

  /** Forgets the samples; thresholds stay. */
  clear(): void {
    this.#samples.clear();
  }

  #record(name: string, durationMs: number): void {
    const thresholdMs = this.#thresholds.get(name);
    const exceeded = thresholdMs !== undefined && durationMs > thresholdMs;
    this.#samples.push({ name, durationMs, timestamp: this.#clock.now(), thresholdMs, exceeded });
    if (!exceeded) return;
    const message = `${name} took ${Math.round(durationMs)} ms, more than its threshold of ${thresholdMs} ms.`;
    this.#logger.warn(message, { metadata: { name, durationMs, thresholdMs } });
  }
}

function statisticsOf(ascending: Float64Array): PerformanceStatistics {
  const count = ascending.length;
  const rank = (fraction: number) => ascending[Math.max(0, Math.ceil(fraction * count) - 1)] ?? 0;
  return {
    min: ascending[0] ?? 0,
    max: ascending[count - 1] ?? 0,
    avg: ascending.reduce((sum, durationMs) => sum + durationMs, 0) / count,
    p95: rank(0.95),
    p99: rank(0.99),
    count,
  };
}
