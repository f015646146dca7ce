import type { CommandHandler } from '@millrace/kit';
import { Unrecoverable } from '@millrace/kit';
import { runInTrace } from '../trace.ts';
import type { ThreadTask } from './messages.ts';
import { packed } from './packed-outcome.ts';
import { ThreadContext } from './thread-context.ts';

/** Runs one attempt inside a worker thread; its outcome goes over the task's port. Called by Piscina. */
export async function runTask(task: ThreadTask): Promise<void> {
  const context = new ThreadContext(task);
  const outcome = await packed(async () => {
    const handler = await loadHandler(task.module);
    return runInTrace(task.trace ?? null, () => handler(task.command, context));
  });
  context.end(outcome);
}

/** Node keeps modules once they are loaded. */
async function loadHandler(module: string): Promise<CommandHandler> {
  const { handler } = (await import(module)) as { handler?: unknown };
  if (typeof handler === 'function') return handler as CommandHandler;
  throw new Unrecoverable(`The module ${module} exports no function named handler.`);
}
