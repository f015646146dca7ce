import { setTimeout as delay } from 'node:timers/promises';

export interface EventuallyOptions {
  /** How long to keep trying, in ms; 5 s unless told. */
  readonly withinMs?: number;
  /** Pause between two tries, in ms; 20 ms unless told. */
  readonly everyMs?: number;
}

const WITHIN_MS = 5_000;
const EVERY_MS = 20;

/**
 * Calls `attempt` until it neither throws nor rejects, and returns what it gave. The last resort: await an event or
 * move a virtual clock where that is possible.
 *
 * @throws the last failure, as the cause of an error that says how long it was tried
 */
export async function eventually<TValue>(
  attempt: () => TValue | Promise<TValue>,
  options: EventuallyOptions = {},
): Promise<TValue> {
  const withinMs = options.withinMs ?? WITHIN_MS;
  const deadline = performance.now() + withinMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() >= deadline) {
        const reason = error instanceof Error ? error.message : String(error);
        throw new Error(`Still failing after ${withinMs} ms: ${reason}`, { cause: error });
      }
    }
    await delay(options.everyMs ?? EVERY_MS);
  }
}
