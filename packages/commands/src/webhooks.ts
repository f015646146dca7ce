import type { CommandDefinition, Service } from '@millrace/kit';
import { createUrlGuard, type UrlGuard } from './url-guard.ts';
import { WebhookDelivery } from './webhook-delivery.ts';
import { WebhookOutbox, type WebhookOutboxOptions } from './webhook-outbox.ts';

export interface WebhooksOptions extends WebhookOutboxOptions {
  /** Signs deliveries; without one they go unsigned. */
  readonly secret: string | undefined;
  /** Private hosts, addresses and CIDR blocks that may be called. */
  readonly allowPrivate: readonly string[] | undefined;
}

/** Everything of `callbackUrl`: its check at submission, the noted ends, the command type that delivers. */
export class Webhooks implements Service {
  readonly definition: CommandDefinition;
  readonly #guard: UrlGuard;
  readonly #delivery: WebhookDelivery;
  readonly #outbox: WebhookOutbox;

  /** @throws when `allowPrivate` has an entry that cannot be read */
  constructor(options: WebhooksOptions) {
    const { clock, secret } = options;
    this.#guard = createUrlGuard({ allowPrivate: options.allowPrivate });
    this.#delivery = new WebhookDelivery({ clock, secret, guard: this.#guard });
    this.#outbox = new WebhookOutbox(options);
    this.definition = this.#delivery.definition() as CommandDefinition;
  }

  start(): Promise<void> {
    return this.#outbox.start();
  }

  async stop(): Promise<void> {
    await this.#outbox.stop();
    await this.#delivery.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** @throws VALIDATION_ERROR at `/callbackUrl` */
  check(url: string): void {
    this.#guard.check(url);
  }

  /** Commands with a callback may have ended: look now rather than at the next poll. */
  ring(): void {
    this.#outbox.ring();
  }
}
