import type { Command, CommandContext, CommandHandler, CommandMetadata } from '@millrace/kit';
import { Unrecoverable } from '@millrace/kit';
import type { LeasedCommand } from './command.ts';
import type { TaskType } from './task-type.ts';
import { runInTrace } from './trace.ts';

/** Runs the handlers of CPU-heavy types elsewhere; see `cpu-pool.ts`. */
export interface ThreadRunner {
  run(module: URL, command: Command, context: ThreadedContext): Promise<unknown>;
}

/** The context of an attempt whose time does not run while it waits for a thread. */
export interface ThreadedContext extends CommandContext {
  /** Stops the attempt's time until the answer is called. */
  holdDeadline(): () => void;
}

/** Brings a command to its handler. */
export interface CommandRunner {
  /** The handler's answer or a promise of it; throws what the handler throws. */
  run(type: TaskType, command: LeasedCommand, context: ThreadedContext): unknown;
}

/** @param threads where `cpu: true` types run */
export function createCommandRunner(threads: ThreadRunner): CommandRunner {
  return {
    run(type, leased, context) {
      const { definition } = type;
      const payload = parsePayload(type, leased);
      if (isPromise(payload)) return payload.then((value) => inTrace(value));
      return inTrace(payload);

      function inTrace(value: unknown): unknown {
        return runInTrace(leased.trace, () => handle(value));
      }

      function handle(value: unknown): unknown {
        const command = commandOf(leased, value);
        const answer =
          definition.cpu === true
            ? threads.run(definition.handler, command, context)
            : (definition.handler as CommandHandler)(command, context);
        return type.checkResult === undefined ? answer : checked(type, answer);
      }
    },
  };
}

/** The payload as its schema gives it; schemas that transform or fill in defaults are applied again here. */
function parsePayload(type: TaskType, leased: LeasedCommand): unknown {
  const value: unknown = leased.payload === null ? undefined : JSON.parse(leased.payload);
  const { payload } = type.definition;
  if (type.checkPayload === undefined || payload === undefined || !('~standard' in payload)) return value;
  const result = type.checkPayload(value);
  return isPromise(result) ? result.then((late) => unwrap(late, 'payload')) : unwrap(result, 'payload');
}

async function checked(type: TaskType, answer: unknown): Promise<unknown> {
  const value = await answer;
  return unwrap(await type.checkResult?.(value), 'result', value);
}

function unwrap(
  result: { ok: boolean; value?: unknown; pointer?: string; message?: string } | undefined,
  what: string,
  fallback?: unknown,
): unknown {
  if (result === undefined) return fallback;
  if (result.ok) return result.value;
  const where = result.pointer === '' ? '' : ` at ${result.pointer}`;
  throw new Unrecoverable(`The ${what} does not fit the type's schema${where}: ${result.message}`, {
    code: 'VALIDATION_ERROR',
    details: { pointer: result.pointer },
  });
}

function commandOf(leased: LeasedCommand, payload: unknown): Command {
  return {
    taskId: leased.taskId,
    taskType: leased.taskType,
    payload,
    metadata: leased.metadata === null ? {} : (JSON.parse(leased.metadata) as CommandMetadata),
    correlationId: leased.correlationId ?? undefined,
    concurrencyKey: leased.concurrencyKey === '' ? undefined : leased.concurrencyKey,
    createdAt: new Date(leased.createdAt),
    run: leased.run,
  };
}

function isPromise<TValue>(value: TValue | Promise<TValue>): value is Promise<TValue> {
  return value instanceof Promise;
}
