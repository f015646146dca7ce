import type { Store } from '@millrace/engines/store';
import type { BatchItem, Clock, Logger, Service, SubmitInput, Timer } from '@millrace/kit';
import { outcomeOf } from './command-view.ts';
import {
  type CallbackKey,
  type CallbackRow,
  READ_CALLBACK,
  READ_CALLBACKS,
  READ_EARLIER_END,
  settleCallbacks,
} from './sql/callback-procedures.ts';
import { hostOf } from './url-guard.ts';
import { WEBHOOK_TYPE } from './webhook-delivery.ts';

/** The outbox is looked into at least this often, in ms: for ends that nobody rang the bell for. */
const POLL_MS = 30_000;
/** After deliveries that could not be stored they are tried again after so long, in ms. */
const RETRY_MS = 2_000;
/** Ends handled by one step. */
const ENDS_PER_STEP = 100;
/** Characters of outcomes submitted together. */
const BATCH_CHARACTERS_MAX = 2 * 1024 * 1024;

export interface WebhookOutboxOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Submits the deliveries: the room's own way in, for types that callers may not submit. */
  readonly submitMany: (inputs: readonly SubmitInput[]) => Promise<readonly BatchItem[]>;
}

/**
 * Turns noted ends into deliveries. The note is written by the transaction that ends the command, the delivery is a command of its own, and the note goes only once that command is durable; its taskId
 * follows from the end, so that a crash in between makes it a replay.
 */
export class WebhookOutbox implements Service {
  readonly #options: WebhookOutboxOptions;
  #state: 'new' | 'running' | 'stopped' = 'new';
  #timer: Timer | undefined;
  #pass: Promise<void> | undefined;
  #rung = false;
  #waitMs = POLL_MS;

  constructor(options: WebhookOutboxOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    if (this.#state !== 'new') return;
    this.#state = 'running';
    this.ring();
  }

  async stop(): Promise<void> {
    this.#state = 'stopped';
    this.#timer?.cancel();
    await this.#pass;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** An end may have been noted: look now. */
  ring(): void {
    if (this.#state !== 'running') return;
    this.#rung = true;
    this.#pass ??= this.#look().finally(() => {
      this.#pass = undefined;
      this.#timer?.cancel();
      if (this.#state !== 'running') return;
      if (this.#rung) this.ring();
      else this.#timer = this.#options.clock.schedule(this.#waitMs, () => this.ring());
    });
  }

  async #look(): Promise<void> {
    const { store, logger } = this.#options;
    try {
      while (this.#rung && this.#state === 'running') {
        this.#rung = false;
        const keys = await store.lookup<CallbackKey>(READ_CALLBACKS, ENDS_PER_STEP);
        const isDone = keys.length === 0 || (await this.#tell(keys));
        this.#waitMs = isDone ? POLL_MS : RETRY_MS;
        if (isDone && keys.length === ENDS_PER_STEP) this.#rung = true;
      }
    } catch (error) {
      this.#waitMs = RETRY_MS;
      logger.error('Webhooks could not be handed on', { error });
    }
  }

  /** @returns false when some have to be tried again */
  async #tell(keys: readonly CallbackKey[]): Promise<boolean> {
    let isDone = true;
    let batch: { key: CallbackKey; input: SubmitInput | undefined }[] = [];
    let characters = 0;
    for (const [index, key] of keys.entries()) {
      const input = await this.#deliveryOf(key);
      batch.push({ key, input });
      characters += (input?.payload as { body: string } | undefined)?.body.length ?? 0;
      if (characters < BATCH_CHARACTERS_MAX && index < keys.length - 1) continue;
      isDone = (await this.#submit(batch)) && isDone;
      batch = [];
      characters = 0;
    }
    return isDone;
  }

  async #submit(batch: readonly { key: CallbackKey; input: SubmitInput | undefined }[]): Promise<boolean> {
    const { store, logger, submitMany } = this.#options;
    const wanted = batch.filter((entry) => entry.input !== undefined);
    const items = await submitMany(wanted.map((entry) => entry.input as SubmitInput));
    const settled = batch.filter((entry) => entry.input === undefined).map((entry) => entry.key);
    for (const [index, item] of items.entries()) {
      const key = wanted[index]?.key as CallbackKey;
      if (!('error' in item)) settled.push(key);
      else if (!item.error.retryable) {
        logger.error('A webhook was refused', { metadata: { taskId: item.taskId, reason: item.error.message } });
        settled.push(key);
      }
    }
    await store.write(settleCallbacks, { keys: settled });
    return settled.length === batch.length;
  }

  /** What delivers an end; `undefined` when the command is gone, and with it the wish to hear of it. */
  async #deliveryOf(key: CallbackKey): Promise<SubmitInput | undefined> {
    const { store } = this.#options;
    const [row] = await store.lookup<CallbackRow>(READ_CALLBACK, key.command_id);
    const url = row?.callback_url;
    if (row === undefined || url === null || url === undefined) return undefined;
    const [earlier] =
      row.run === key.run ? [] : await store.lookup<Partial<CallbackRow>>(READ_EARLIER_END, key.command_id, key.run);
    const outcome = outcomeOf({ ...row, ...earlier });
    if (outcome === undefined) return undefined;
    const correlation = row.correlation_id === null ? {} : { correlationId: row.correlation_id };
    return {
      taskId: `webhook-${key.command_id}-${key.run}-${key.ended_at}`,
      taskType: WEBHOOK_TYPE,
      payload: { url, body: JSON.stringify({ ...outcome, taskType: row.task_type, ...correlation }) },
      concurrencyKey: hostOf(new URL(url)).slice(0, 200),
      ...correlation,
    };
  }
}
