import { defineCommand, partial, RetryAfter } from 'millrace';

/** What the acceptance tests run in real processes. */

/** Kills the process that it runs in. */
export const kill = defineCommand({
  type: 'KILL',
  handler: () => process.kill(process.pid, 'SIGKILL'),
});

/** A provider that wants to be left alone for a while, and says so once per process. */
let asked = false;
export const busy = defineCommand({
  type: 'BUSY',
  payload: { type: 'object' } as never,
  handler: ({ payload }) => {
    const { pauseMs } = payload as { pauseMs?: number };
    if (asked || pauseMs === undefined) return 'served';
    asked = true;
    throw new RetryAfter(pauseMs);
  },
});

/** Waits until it is told to stop. */
export const slow = defineCommand({
  type: 'SLOW',
  concurrency: 10,
  handler: (_, { signal }) => new Promise((_resolve, reject) => signal.addEventListener('abort', reject)),
});

export const echo = defineCommand({ type: 'ECHO', handler: ({ payload }) => payload ?? null });

/** One step that counts, then a failure, then the end: the step must not be run twice. */
let steps = 0;
export const stepping = defineCommand({
  type: 'STEPPING',
  retries: { maxAttempts: 2, initialDelayMs: 1 },
  handler: async (_, { step, attempt }) => {
    const count = await step('count', () => ++steps);
    if (attempt === 1) throw new Error('after the step');
    return { count };
  },
});

/** More than a result may have. */
export const big = defineCommand({ type: 'BIG', handler: () => 'x'.repeat(1024 * 1024 + 1) });

export const half = defineCommand({
  type: 'HALF',
  handler: () => partial({ sent: 1 }, 'One of two was refused.'),
});

export const silent = defineCommand({ type: 'SILENT', handler: () => undefined });

/** Throws what is no error, every time. */
export const rude = defineCommand({
  type: 'RUDE',
  retries: { maxAttempts: 3, initialDelayMs: 1 },
  handler: () => {
    throw 'just a text';
  },
});

/** Returns what JSON cannot carry. */
export const circular = defineCommand({
  type: 'CIRCULAR',
  handler: () => {
    const self: Record<string, unknown> = {};
    self.self = self;
    return self;
  },
});

export const late = defineCommand({
  type: 'LATE',
  retries: { maxAttempts: 2, initialDelayMs: 1 },
  handler: (_, { signal }) => new Promise((_resolve, reject) => signal.addEventListener('abort', reject)),
});
