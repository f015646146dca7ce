import type { Clock, CommandOutcome } from '@millrace/kit';
import type { WaitOptions } from './commands.ts';
import { commandsError } from './errors.ts';

type Wake = (outcome: CommandOutcome) => void;

/** Callers that wait for commands to end, in memory: the outcome reaches them without a look-up. */
export class Waiters {
  readonly #limit: number;
  readonly #byTaskId = new Map<string, Wake[]>();
  #count = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get count(): number {
    return this.#count;
  }

  has(taskId: string): boolean {
    return this.#byTaskId.has(taskId);
  }

  /**
   * Calls `wake` once when the command ends.
   *
   * @returns takes the waiter back
   * @throws TOO_MANY_WAITERS
   */
  add(taskId: string, wake: Wake): () => void {
    if (this.#count >= this.#limit) {
      throw commandsError('TOO_MANY_WAITERS', { details: { limit: this.#limit }, retryAfterMs: 1_000 });
    }
    const known = this.#byTaskId.get(taskId);
    if (known === undefined) this.#byTaskId.set(taskId, [wake]);
    else known.push(wake);
    this.#count += 1;
    return () => this.#remove(taskId, wake);
  }

  wake(taskId: string, outcome: CommandOutcome): void {
    const known = this.#byTaskId.get(taskId);
    if (known === undefined) return;
    this.#byTaskId.delete(taskId);
    this.#count -= known.length;
    for (const wake of known) wake(outcome);
  }

  #remove(taskId: string, wake: Wake): void {
    const known = this.#byTaskId.get(taskId);
    const index = known?.indexOf(wake) ?? -1;
    if (known === undefined || index < 0) return;
    known.splice(index, 1);
    this.#count -= 1;
    if (known.length === 0) this.#byTaskId.delete(taskId);
  }
}

/** Resolves to `undefined` when the wait is over. */
export async function outcomeWithin(
  clock: Clock,
  { promise, resolve }: PromiseWithResolvers<CommandOutcome | undefined>,
  { waitMs, signal }: WaitOptions,
): Promise<CommandOutcome | undefined> {
  const timer = clock.schedule(waitMs, () => resolve(undefined));
  const onAbort = () => resolve(undefined);
  // A signal that has aborted already tells nobody any more.
  if (signal?.aborted === true) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await promise;
  } finally {
    timer.cancel();
    signal?.removeEventListener('abort', onAbort);
  }
}
