import type { Service } from '@millrace/kit';

export interface StressStartStopOptions {
  /** How many services are made and put through it; 10 unless told. */
  readonly rounds?: number;
  /** A call that takes longer counts as hung, in ms; 10 s unless told. */
  readonly withinMs?: number;
}

const ROUNDS = 10;
const WITHIN_MS = 10_000;
const CALLS_AT_ONCE = 5;

/**
 * Holds a service to its contract: `stop` before `start` is harmless, both may be called any number of times and at the
 * same time, a stopped service disposes cleanly, and nothing hangs. The factory gives a fresh service every time.
 *
 * @throws Error naming the step that failed or hung
 */
export async function stressStartStop(
  factory: () => Service | Promise<Service>,
  options: StressStartStopOptions = {},
): Promise<void> {
  const step = stepRunner(options.withinMs ?? WITHIN_MS);
  for (let round = 0; round < (options.rounds ?? ROUNDS); round += 1) {
    await stopsWithoutStart(await factory(), step);
    await startsAndStopsManyTimesAtOnce(await factory(), step);
    await stopsWhileStarting(await factory(), step);
  }
}

type Step = (name: string, act: () => PromiseLike<unknown>) => Promise<void>;

async function stopsWithoutStart(service: Service, step: Step): Promise<void> {
  await step('stop before start', () => service.stop());
  await step('stop before start, again', () => service.stop());
  await step('dispose what never started', () => service[Symbol.asyncDispose]());
}

async function startsAndStopsManyTimesAtOnce(service: Service, step: Step): Promise<void> {
  await step('start several times at once', () => atOnce(() => service.start()));
  await step('start while it runs', () => service.start());
  await step('stop several times at once', () => atOnce(() => service.stop()));
  await step('stop after stop', () => service.stop());
  await step('dispose after stop', () => service[Symbol.asyncDispose]());
}

/** A start overtaken by a stop may reject, but must not hang nor leave anything running. */
async function stopsWhileStarting(service: Service, step: Step): Promise<void> {
  await step('stop while it starts', () => Promise.allSettled([service.start(), service.stop()]));
  await step('dispose after that', () => service[Symbol.asyncDispose]());
}

function atOnce(act: () => Promise<void>): Promise<unknown> {
  return Promise.all(Array.from({ length: CALLS_AT_ONCE }, act));
}

function stepRunner(withinMs: number): Step {
  return async (name, act) => {
    const { promise: hung, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error(`${name} hung for ${withinMs} ms`)), withinMs);
    try {
      await Promise.race([act(), hung]);
    } catch (error) {
      throw new Error(`The service does not survive: ${name}.`, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  };
}
