import {
  type Clock,
  type Command,
  type CommandContext,
  type CommandDefinition,
  defineCommand,
  partial,
  RetryAfter,
  sleep,
  Unrecoverable,
} from '@millrace/kit';
import type { Execution, LaneLimit, Oracle } from './oracle.ts';

/** What a command does in each of its attempts, chosen when it is submitted; the last entry repeats. */
export interface Plan {
  readonly steps: readonly PlanStep[];
  readonly ms: number;
}

export type PlanStep = 'ok' | 'sync' | 'throw' | 'final' | 'later' | 'partial' | 'hang' | 'deaf' | 'children' | 'step';

export const TYPES = ['fast', 'slow', 'keyed', 'rated', 'parent', 'hang'] as const;
export type SimulatedType = (typeof TYPES)[number];

export const LIMITS: Readonly<Record<SimulatedType, LaneLimit>> = {
  fast: { concurrency: 6, localConcurrency: 6 },
  slow: { concurrency: 4, localConcurrency: 2 },
  keyed: { concurrency: 6, localConcurrency: 6, perKeyConcurrency: 2 },
  rated: {
    concurrency: 5,
    localConcurrency: 5,
    rate: { limit: 4, perMs: 1_000 },
    perKeyRate: { limit: 2, perMs: 1_000 },
  },
  parent: { concurrency: 3, localConcurrency: 3 },
  hang: { concurrency: 3, localConcurrency: 3 },
};

const TIMEOUT_MS = 4_000;
const RETRY_AFTER_MS = 700;

export interface WorkloadOptions {
  readonly node: string;
  readonly clock: Clock;
  readonly oracle: Oracle;
  readonly trace: (event: string) => void;
}

/** The task types of the simulation, for one process. */
export function createDefinitions(options: WorkloadOptions): CommandDefinition[] {
  return TYPES.map((type) => {
    const { concurrency, localConcurrency, perKeyConcurrency, rate, perKeyRate } = LIMITS[type];
    const hasKeyLimits = perKeyConcurrency !== undefined || perKeyRate !== undefined;
    return defineCommand({
      type,
      concurrency,
      localConcurrency,
      timeoutMs: TIMEOUT_MS,
      retries: { maxAttempts: 3, initialDelayMs: 50, maxDelayMs: 800 },
      ...(rate === undefined ? {} : { rate }),
      ...(hasKeyLimits
        ? {
            perKey: {
              ...(perKeyConcurrency === undefined ? {} : { concurrency: perKeyConcurrency }),
              ...(perKeyRate === undefined ? {} : { rate: perKeyRate }),
            },
          }
        : {}),
      handler: (command, context) => runPlan(command as Command<Plan>, context, options),
    }) as CommandDefinition;
  });
}

function runPlan(command: Command<Plan>, context: CommandContext, options: WorkloadOptions): unknown {
  const { oracle, clock, node, trace } = options;
  const execution = oracle.began({
    node,
    taskId: command.taskId,
    taskType: command.taskType,
    key: command.concurrencyKey ?? '',
    run: command.run,
    attempt: context.attempt,
    beganAt: clock.now(),
    beganMonotonic: clock.monotonic(),
  });
  trace(`begin ${node} ${command.taskId} ${command.run}.${context.attempt}`);
  const { steps, ms } = command.payload;
  const step = steps[Math.min(context.attempt, steps.length) - 1] ?? 'ok';
  if (step === 'sync') {
    oracle.settled(execution);
    return { serial: execution.serial };
  }
  context.signal.addEventListener('abort', () => {
    execution.abortedMonotonic ??= clock.monotonic();
  });
  return act({ step, ms, execution, command, context, options }).finally(() => oracle.settled(execution));
}

interface Act {
  readonly step: PlanStep;
  readonly ms: number;
  readonly execution: Execution;
  readonly command: Command<Plan>;
  readonly context: CommandContext;
  readonly options: WorkloadOptions;
}

async function act({ step, ms, execution, command, context, options }: Act): Promise<unknown> {
  const { clock } = options;
  const result = { serial: execution.serial };
  if (step === 'hang') await untilAborted(context.signal);
  if (step === 'deaf') await new Promise(() => {});
  if (step === 'children') await runChildren({ step, ms, execution, command, context, options });
  if (step === 'step') await context.step('only', () => sleep(clock, ms, context.signal));
  await sleep(clock, ms, context.signal);
  context.signal.throwIfAborted();
  if (step === 'throw') throw new Error('Simulated failure.');
  if (step === 'final') throw new Unrecoverable('Simulated failure for good.');
  if (step === 'later') throw new RetryAfter(RETRY_AFTER_MS);
  return step === 'partial' ? partial(result, 'Half of it.') : result;
}

async function runChildren({ ms, execution, command, context, options }: Act): Promise<void> {
  const plan = { steps: ['ok'], ms };
  const child = await context.submit({ taskType: 'slow', payload: plan });
  options.oracle.about(child.taskId).acknowledged = true;
  const other = await context.submit({ taskId: `${command.taskId}-x`, taskType: 'fast', payload: plan });
  options.oracle.about(other.taskId).acknowledged = true;
  execution.isParked = true;
  try {
    await context.waitFor([child, other]);
  } finally {
    execution.isParked = false;
    if (!context.signal.aborted) options.oracle.checkConcurrency(execution);
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    signal.addEventListener('abort', () => reject(signal.reason as Error));
  });
}
