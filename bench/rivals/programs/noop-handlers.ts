/** What the Millrace under test runs: a no-op, and a type that tells how long the no-ops waited for their start. */
import { percentiles } from '../../harness/statistics.ts';
import { defineCommand } from '../millrace-api.ts';

const waitsMs: number[] = [];

export const noop = defineCommand({
  type: 'noop',
  concurrency: 4096,
  handler: (command) => {
    const { n, sentAt } = (command.payload ?? {}) as { n?: number; sentAt?: number };
    if (sentAt !== undefined) waitsMs.push(performance.timeOrigin + performance.now() - sentAt);
    return { ok: true, n: n ?? 0 };
  },
});

export const startWaits = defineCommand({
  type: 'start-waits',
  handler: () => {
    const waits = waitsMs.splice(0);
    return { count: waits.length, latencyMs: percentiles(waits) };
  },
});
