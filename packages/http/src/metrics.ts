import { readFileSync } from 'node:fs';
import { PerformanceObserver } from 'node:perf_hooks';
import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client';

const MS_PER_SECOND = 1_000;
/** How often the event loop's delay is sampled; finer sampling shows in the CPU of an idle process. */
const EVENT_LOOP_SAMPLE_MS = 20;
const GC_PAUSE_BUCKETS = [0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1];
const PROCESS_IO_FILE = '/proc/self/io';

/** The registry that every room adds its metrics to, with the metrics of the process in it already. */
export interface Metrics extends Disposable {
  readonly registry: Registry;
}

/** Makes a registry of its own (never prom-client's global one) with the `process_*` and `nodejs_*` metrics. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: EVENT_LOOP_SAMPLE_MS });
  addProcessIo(registry);
  const observer = observeGarbageCollection(registry);
  return { registry, [Symbol.dispose]: () => observer.disconnect() };
}

/** Bytes that the process really read from and wrote to storage (Linux only; absent elsewhere). */
function addProcessIo(registry: Registry): void {
  if (readProcessIo() === undefined) return;
  const directions = [
    { name: 'process_io_read_bytes_total', field: 'read_bytes', help: 'Bytes read from storage.' },
    { name: 'process_io_write_bytes_total', field: 'write_bytes', help: 'Bytes written to storage.' },
  ];
  for (const { name, field, help } of directions) {
    new Counter({
      name,
      help,
      registers: [registry],
      collect() {
        this.reset();
        this.inc(readProcessIo()?.get(field) ?? 0);
      },
    });
  }
}

function readProcessIo(): ReadonlyMap<string, number> | undefined {
  try {
    const lines = readFileSync(PROCESS_IO_FILE, 'utf8').trim().split('\n');
    return new Map(lines.map((line) => [line.split(':')[0] ?? '', Number(line.split(':')[1])]));
  } catch {
    return undefined;
  }
}

/** The contract's names for garbage collection, beside prom-client's own histogram. */
function observeGarbageCollection(registry: Registry): PerformanceObserver {
  const total = new Counter({
    name: 'nodejs_gc_duration_seconds_total',
    help: 'Seconds spent in garbage collection.',
    registers: [registry],
  });
  const pauses = new Histogram({
    name: 'nodejs_gc_pause_seconds',
    help: 'Pauses by garbage collection, in seconds.',
    buckets: GC_PAUSE_BUCKETS,
    registers: [registry],
  });
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      total.inc(duration / MS_PER_SECOND);
      pauses.observe(duration / MS_PER_SECOND);
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  return observer;
}
