/** What the Millrace under test runs: a no-op, and types that tell when and how often the no-ops were started. */
import { percentiles } from '../../harness/statistics.ts';
import { defineCommand } from '../millrace-api.ts';

/** Numbers from here on are not counted; no scenario that asks for counts goes so far. */
const COUNTED_MAX = 1_000_000;

const waitsMs: number[] = [];
const starts = new Uint8Array(COUNTED_MAX);

export const noop = defineCommand({
  type: 'noop',
  concurrency: 4096,
  handler: (command) => {
    const { n, sentAt } = (command.payload ?? {}) as { n?: number; sentAt?: number };
    if (sentAt !== undefined) waitsMs.push(performance.timeOrigin + performance.now() - sentAt);
    // Saturates: what counts is whether it was once or more.
    if (n !== undefined && n < COUNTED_MAX) starts[n] = Math.min(2, (starts[n] ?? 0) + 1);
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

export const startCounts = defineCommand({
  type: 'start-counts',
  handler: (command) => {
    const { first, count } = command.payload as { first: number; count: number };
    return { counts: [...starts.subarray(first, first + count)] };
  },
});
