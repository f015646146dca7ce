import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type LogFields, type Logger, PerformanceMonitor, silentLogger, VirtualClock } from '../src/index.ts';

function monitorOf(samplesMax?: number) {
  const clock = new VirtualClock();
  const warnings: { message: string; fields: LogFields | undefined }[] = [];
  const logger: Logger = { ...silentLogger, warn: (message, fields) => warnings.push({ message, fields }) };
  const monitor = new PerformanceMonitor({ clock, logger, ...(samplesMax === undefined ? {} : { samplesMax }) });
  const measure = (name: string, ms: number) => {
    const end = monitor.startMeasure(name);
    clock.advance(ms);
    return end();
  };
  return { clock, warnings, monitor, measure };
}

describe('PerformanceMonitor', () => {
  test('gives minimum, maximum, average, percentiles and count of a name', () => {
    const { monitor, measure } = monitorOf();
    for (let ms = 100; ms >= 1; ms--) measure('task.execution', ms);
    measure('other', 5_000);
    assert.deepEqual(monitor.getStatistics('task.execution'), {
      min: 1,
      max: 100,
      avg: 50.5,
      p95: 95,
      p99: 99,
      count: 100,
    });
  });

  test('one sample is every statistic', () => {
    const { monitor, measure } = monitorOf();
    measure('a', 7);
    assert.deepEqual(monitor.getStatistics('a'), { min: 7, max: 7, avg: 7, p95: 7, p99: 7, count: 1 });
  });

  test('has no statistics where there is no data', () => {
    assert.equal(monitorOf().monitor.getStatistics('nothing'), undefined);
  });

  test('marks and warns about what takes longer than its threshold', () => {
    const { monitor, measure, warnings } = monitorOf();
    monitor.setThreshold('state.sync', 50);
    measure('state.sync', 50);
    measure('state.sync', 51);
    measure('task.assignment', 900);
    assert.deepEqual(
      monitor.getExceededMetrics().map(({ name, durationMs }) => [name, durationMs]),
      [['state.sync', 51]],
    );
    assert.equal(monitor.getAllMetrics().length, 3);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]?.message ?? '', /state\.sync took 51 ms/);
    assert.deepEqual(warnings[0]?.fields?.metadata, { name: 'state.sync', durationMs: 51, thresholdMs: 50 });
  });

  test('ending a measurement again changes nothing', () => {
    const { monitor, clock } = monitorOf();
    const end = monitor.startMeasure('a');
    clock.advance(5);
    assert.equal(end(), 5);
    clock.advance(5);
    assert.equal(end(), 5);
    assert.equal(monitor.getAllMetrics().length, 1);
  });

  test('keeps the newest samples only', () => {
    const { monitor, measure } = monitorOf(3);
    for (const ms of [1, 2, 3, 4]) measure('a', ms);
    assert.deepEqual(monitor.getStatistics('a'), { min: 2, max: 4, avg: 3, p95: 4, p99: 4, count: 3 });
  });

  test('clear forgets samples and keeps thresholds', () => {
    const { monitor, measure } = monitorOf();
    monitor.setThreshold('a', 1);
    measure('a', 2);
    monitor.clear();
    assert.deepEqual(monitor.getAllMetrics(), []);
    measure('a', 2);
    assert.equal(monitor.getExceededMetrics().length, 1);
  });
});
