import {
  type Command,
  type CommandContext,
  type CommandDefinition,
  type InlineDefinition,
  silentLogger,
} from '@millrace/kit';

/** Steps whose results are committed, by name: give the same map to the next attempt's context. */
export type CommittedSteps = Map<string, string>;

export interface TestContext extends CommandContext {
  /** What the handler reported, in order. */
  readonly reports: unknown[];
  /** Resolves with the next report. */
  nextReport(): Promise<unknown>;
}

export interface TestContextOptions {
  readonly taskId?: string;
  readonly attempt?: number;
  readonly signal?: AbortSignal;
  readonly steps?: CommittedSteps;
}

/** A small real context: steps are kept as JSON, as the engine keeps them, and progress is gathered. */
export function createTestContext(options: TestContextOptions = {}): TestContext {
  const { taskId = 'task-1', attempt = 1, signal = new AbortController().signal, steps = new Map() } = options;
  const reports: unknown[] = [];
  const waiting: ((value: unknown) => void)[] = [];
  return {
    signal,
    attempt,
    deadline: new Date(Date.UTC(2100, 0, 1)),
    log: silentLogger,
    reports,
    nextReport: () => new Promise((resolve) => waiting.push(resolve)),
    progress(value) {
      reports.push(value);
      for (const resolve of waiting.splice(0)) resolve(value);
    },
    submit: () => Promise.reject(new Error('The assistant submits no children.')),
    waitFor: () => Promise.reject(new Error('The assistant has no children.')),
    async step(name, fn) {
      const committed = steps.get(name);
      if (committed !== undefined) return JSON.parse(committed);
      const result = await fn({ idempotencyKey: `${taskId}:${name}`, signal });
      steps.set(name, JSON.stringify(result));
      return result;
    },
  };
}

export function findDefinition(definitions: readonly CommandDefinition[], type: string): InlineDefinition {
  const found = definitions.find((definition) => definition.type === type);
  if (found === undefined || found.cpu === true) throw new Error(`No inline definition of ${type}.`);
  return found;
}

export function createCommand(payload: unknown, createdAt = new Date('2026-03-16T08:00:00Z')): Command<unknown> {
  return {
    taskId: 'task-1',
    taskType: 'EXECUTE_ASSISTANT',
    payload,
    metadata: {},
    correlationId: undefined,
    concurrencyKey: undefined,
    createdAt,
    run: 1,
  };
}
