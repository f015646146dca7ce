import { createHash } from 'node:crypto';
import type { Store } from '@millrace/engines/store';
import {
  type Clock,
  type CommandOutcome,
  isTerminal,
  type Logger,
  type SubmitInput,
  Unrecoverable,
} from '@millrace/kit';
import type { ContextServices } from './attempt-context.ts';
import { type LeasedCommand, SUSPECT_CRASHES } from './command.ts';
import type { Commands } from './commands.ts';
import type { Lanes } from './lanes.ts';
import type { ParkedSlot } from './parked-slot.ts';
import { READ_STEP, recordStep } from './sql/step-procedures.ts';
import { activeTrace } from './trace.ts';

/** How long one look for a child's end may last before it is repeated, in ms. */
const CHILD_WAIT_MS = 60_000;

/** Characters of a step's stored result, in its JSON form. */
const STEP_RESULT_CHARACTERS_MAX = 1024 * 1024;
const STEP_NAME_CHARACTERS_MAX = 200;
const TASK_ID_CHARACTERS_MAX = 100;

export interface HandlerServicesOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly room: Pick<Commands, 'submit' | 'waitForOutcome' | 'get' | 'retry'>;
  readonly lanes: Lanes;
  readonly progress: (command: LeasedCommand, value: unknown) => void;
  /** A slot became free: claim again. */
  readonly freed: () => void;
}

/** What handlers reach through their context: children, durable steps, progress. */
export class HandlerServices implements ContextServices {
  readonly #options: HandlerServicesOptions;
  readonly logger: Logger;
  readonly now: () => number;
  readonly progress: (command: LeasedCommand, value: unknown) => void;

  constructor(options: HandlerServicesOptions) {
    this.#options = options;
    this.logger = options.logger;
    this.now = () => options.clock.now();
    this.progress = options.progress;
  }

  /**
   * Submits a child under an id that follows from the parent's: a later attempt finds the same child. One that had
   * ended without success before the parent's present run was opened is run again.
   */
  async submitChild(parent: LeasedCommand, ordinal: number, input: SubmitInput): Promise<{ taskId: string }> {
    const { room } = this.#options;
    const taskId = input.taskId ?? childTaskId(parent.taskId, ordinal);
    const correlationId = input.correlationId ?? parent.correlationId ?? undefined;
    const child = { ...input, taskId, ...(correlationId === undefined ? {} : { correlationId }) };
    const receipt = await room.submit(child, { trace: activeTrace() ?? parent.trace ?? undefined });
    if (receipt.replay && parent.run > 1 && isTerminal(receipt.status) && receipt.status !== 'SUCCESS') {
      const view = await room.get(taskId);
      if (Date.parse(view.updatedAt) <= parent.queuedAt) await room.retry(taskId);
    }
    return { taskId };
  }

  waitFor(_parent: LeasedCommand, taskIds: readonly string[], signal: AbortSignal): Promise<readonly CommandOutcome[]> {
    return Promise.all(taskIds.map((taskId) => this.#outcome(taskId, signal)));
  }

  async step(parent: LeasedCommand, name: string, run: (idempotencyKey: string) => unknown): Promise<unknown> {
    if (name === '' || name.length > STEP_NAME_CHARACTERS_MAX) {
      throw new Unrecoverable(`A step's name must have 1–${STEP_NAME_CHARACTERS_MAX} characters.`);
    }
    const { store, clock } = this.#options;
    const [known] = await store.lookup<{ result: string }>(READ_STEP, parent.id, name);
    if (known !== undefined) return JSON.parse(known.result) as unknown;
    const value = await run(`${parent.taskId}:${name}`);
    const result = JSON.stringify(value) ?? 'null';
    if (result.length > STEP_RESULT_CHARACTERS_MAX) {
      throw new Unrecoverable(`The result of step ${name} is larger than ${STEP_RESULT_CHARACTERS_MAX} characters.`, {
        code: 'RESOURCE_ERROR',
      });
    }
    const { id, lease } = parent;
    const kept = await store.write(recordStep, { id, lease, name, result, now: clock.now() });
    if (!kept) throw new DOMException('The command was taken from this attempt; its step is not kept.', 'AbortError');
    return JSON.parse(result) as unknown;
  }

  park(command: LeasedCommand): ParkedSlot | undefined {
    const slot = this.#options.lanes.get(command.taskType)?.park(command.concurrencyKey);
    if (command.crashes >= SUSPECT_CRASHES) this.#options.lanes.unblock();
    this.#options.freed();
    return slot;
  }

  async #outcome(taskId: string, signal: AbortSignal): Promise<CommandOutcome> {
    for (;;) {
      signal.throwIfAborted();
      const found = await this.#options.room.waitForOutcome(taskId, { waitMs: CHILD_WAIT_MS, signal });
      if (found !== undefined) return found;
    }
  }
}

function childTaskId(parentTaskId: string, ordinal: number): string {
  const readable = `${parentTaskId}-c${ordinal}`;
  if (readable.length <= TASK_ID_CHARACTERS_MAX) return readable;
  return `${createHash('sha256').update(parentTaskId).digest('hex')}-c${ordinal}`;
}
