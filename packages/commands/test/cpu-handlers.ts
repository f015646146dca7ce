import { setTimeout as delay } from 'node:timers/promises';
import { threadId } from 'node:worker_threads';
import { type Command, type CommandContext, partial, Recoverable, RetryAfter, Unrecoverable } from '@millrace/kit';
import { context as otel } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { activeTrace } from '../src/trace.ts';

// As an OpenTelemetry SDK does that is loaded in threads too (`node --import`).
otel.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());

/** What the tests have threads do; `do` of the payload chooses. */
interface Work {
  readonly do: string;
  readonly [more: string]: unknown;
}

type Act = (work: Work, context: CommandContext, command: Command<Work>) => unknown;

const ACTS: Readonly<Record<string, Act>> = {
  echo: (work, { attempt }, { taskId }) => ({ work, attempt, taskId, inThread: threadId > 0, threadId }),
  date: ({ at }) => ({ isDate: at instanceof Date, at }),
  fillMemory: () => {
    const kept: unknown[] = [];
    for (;;) kept.push(new Array(10_000).fill({ kept: kept.length }));
  },
  spin: () => {
    for (;;);
  },
  exit: ({ failuresBefore }, { attempt }) => {
    if (attempt <= Number(failuresBefore)) process.exit(3);
    return { attempt };
  },
  uncaught: () => {
    setImmediate(() => {
      throw new Error('thrown beside the handler');
    });
    return new Promise(() => {});
  },
  untilAborted: async (_work, context) => {
    const { signal } = context;
    context.progress('waiting');
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    throw signal.reason;
  },
  report: (_work, context) => {
    for (let part = 1; part <= 3; part += 1) context.progress({ part });
    context.log.info('Said from a thread', { metadata: { part: 3 } });
    context.log.debug('Not asked for');
    return { debug: context.log.isEnabled('debug'), deadline: context.deadline };
  },
  children: async (_work, { submit, waitFor }) => {
    const first = await submit({ taskType: 'double', payload: 4 });
    const second = await submit({ taskType: 'cpu', payload: { do: 'echo' } });
    return (await waitFor([first, second])).map(({ taskId, status, result }) => ({ taskId, status, result }));
  },
  step: async ({ failAfter }, { step, attempt }) => {
    const charged = await step('charge', ({ idempotencyKey }) => ({ idempotencyKey, thread: threadId }));
    if (attempt <= Number(failAfter)) throw new Error('after the step');
    return { ...charged, attempt };
  },
  failingStep: async (_work, context) => {
    const thrown = new Recoverable('no funds', { code: 'EXTERNAL_SERVICE_ERROR' });
    try {
      await context.step('charge', () => {
        throw thrown;
      });
    } catch (error) {
      return { same: error === thrown };
    }
    return undefined;
  },
  sleep: async ({ ms }) => {
    await delay(Number(ms));
    return { threadId };
  },
  unrecoverable: () => {
    throw new Unrecoverable('never', { code: 'VALIDATION_ERROR', details: { field: 'a' } });
  },
  recoverable: () => {
    throw new Recoverable('not now', { code: 'EXTERNAL_SERVICE_ERROR', details: { host: 'b' } });
  },
  retryAfter: (_work, { attempt }) => {
    if (attempt === 1) throw new RetryAfter(25);
    return { attempt };
  },
  plain: () => {
    throw Object.assign(new Error('plain'), { code: 'ENOENT' });
  },
  partial: () => partial({ half: true }, 'the other half is missing'),
  flood: ({ reports }, { progress }) => {
    for (let index = 0; index < Number(reports); index += 1) progress({ index });
    return 'flooded';
  },
  trace: async () => {
    await delay(1);
    return activeTrace() ?? null;
  },
  functionResult: () => ({ kept: 1, dropped: () => 2 }),
};

export function handler(command: Command<Work>, context: CommandContext): unknown {
  return ACTS[command.payload.do]?.(command.payload, context, command);
}
