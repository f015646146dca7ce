import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import type { Command, CommandContext, LogLevel } from '@millrace/kit';
import { activeTrace } from '../trace.ts';
import type { FromThread, ThreadTask, ToThread } from './messages.ts';
import { type PackedOutcome, packed, unpacked } from './packed-outcome.ts';
import type { Slot } from './thread-slots.ts';

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** What a handler asks for and waits for. */
type Request = Extract<FromThread, { kind: 'submit' | 'waitFor' | 'step' }>;

export interface ThreadCallInput {
  readonly module: URL;
  readonly command: Command;
  readonly context: CommandContext;
  readonly slot: Slot;
}

/** The event loop's end of one attempt in a thread: answers what the handler asks its context for. */
export class ThreadCall {
  readonly #context: CommandContext;
  readonly #slot: Slot;
  readonly #channel = new MessageChannel();
  readonly #taken = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  /** Steps whose function runs in the thread now. */
  readonly #steps = new Map<number, (outcome: PackedOutcome) => void>();
  readonly task: ThreadTask;
  #outcome: PackedOutcome | undefined;
  #closed = false;

  constructor({ module, command, context, slot }: ThreadCallInput) {
    this.#context = context;
    this.#slot = slot;
    this.task = {
      module: module.href,
      command,
      attempt: context.attempt,
      deadlineMs: context.deadline.getTime(),
      logLevels: LEVELS.filter((level) => context.log.isEnabled(level)),
      trace: activeTrace(),
      port: this.#channel.port2,
      taken: this.#taken,
    };
    this.#channel.port1.on('message', (message: FromThread) => this.#receive(message));
  }

  abort(reason: string): void {
    this.#send({ kind: 'abort', reason });
  }

  /** Reads what the thread sent last and closes. @returns how the handler ended; `undefined` when it did not */
  close(): PackedOutcome | undefined {
    for (;;) {
      const last = receiveMessageOnPort(this.#channel.port1) as { message: FromThread } | undefined;
      if (last === undefined) break;
      this.#receive(last.message);
    }
    this.#closed = true;
    this.#channel.port1.close();
    return this.#outcome;
  }

  #receive(message: FromThread): void {
    switch (message.kind) {
      case 'progress':
      case 'log':
        Atomics.add(this.#taken, 0, 1);
        report(this.#context, message);
        break;
      case 'stepRan':
        this.#steps.get(message.id)?.(message.outcome);
        break;
      case 'ended':
        this.#outcome = message.outcome;
        break;
      default:
        this.#answer(message);
    }
  }

  #answer(request: Request): void {
    void packed(() => this.#serve(request)).then((outcome) => {
      this.#send({ kind: 'reply', id: request.id, outcome, deadlineMs: this.#context.deadline.getTime() });
    });
  }

  #serve(request: Request): Promise<unknown> {
    switch (request.kind) {
      case 'submit':
        return this.#context.submit(request.input);
      case 'waitFor':
        return this.#waitFor(request.taskIds);
      case 'step':
        return this.#step(request.id, request.name);
    }
  }

  async #waitFor(taskIds: readonly string[]): Promise<unknown> {
    this.#slot.park();
    try {
      return await this.#context.waitFor(taskIds);
    } finally {
      await this.#slot.resume();
    }
  }

  #step(id: number, name: string): Promise<unknown> {
    return this.#context.step(name, async ({ idempotencyKey }) => {
      const { promise, resolve } = Promise.withResolvers<PackedOutcome>();
      this.#steps.set(id, resolve);
      this.#send({ kind: 'runStep', id, idempotencyKey });
      const outcome = await promise;
      this.#steps.delete(id);
      return unpacked(outcome);
    });
  }

  #send(message: ToThread): void {
    if (this.#closed) return;
    this.#channel.port1.postMessage(message);
  }
}

function report(context: CommandContext, message: Extract<FromThread, { kind: 'progress' | 'log' }>): void {
  if (message.kind === 'progress') context.progress(message.value);
  else context.log[message.level](message.message, message.fields);
}
