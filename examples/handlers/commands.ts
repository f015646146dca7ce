import { defineCommand, RetryAfter, Unrecoverable } from 'millrace';
import Type from 'typebox';
import { z } from 'zod';

/** The types that `millrace start --handlers examples/handlers/commands.ts` runs: every exported definition. */

const Order = Type.Object({ customer: Type.String(), cents: Type.Integer({ minimum: 1 }) });

/** A payment: whatever happens to this process, the provider sees one idempotency key and charges once. */
export const chargeOrder = defineCommand({
  type: 'order.charge',
  payload: Order,
  timeoutMs: 30_000,
  retries: { maxAttempts: 5, initialDelayMs: 500, maxDelayMs: 60_000 },
  async handler({ payload }, context) {
    const receipt = await context.step('charge', ({ idempotencyKey, signal }) =>
      chargeCard({ ...payload, idempotencyKey, signal }),
    );
    context.log.info('Charged', { metadata: { receipt: receipt.id } });
    return receipt;
  },
});

/** Calls a provider that limits its callers, and waits as long as it asks for without using up an attempt. */
export const lookUpAddress = defineCommand({
  type: 'address.look-up',
  // Any Standard Schema will do; defaults and transformations reach the handler.
  payload: z.object({ text: z.string().trim().min(3), country: z.string().length(2).default('CH') }),
  perKey: { concurrency: 2, rate: { limit: 10, perMs: 1_000 } },
  async handler({ payload }, { signal, attempt }) {
    const answer = await askAddressService(payload, { signal, attempt });
    if (answer.status === 429) throw new RetryAfter(answer.retryAfterMs);
    if (answer.status === 404) throw new Unrecoverable(`No such address: ${payload.text}`);
    return { address: `${payload.text}, ${payload.country}` };
  },
});

/** Splits work into children, waits for them without holding a slot, and puts their results together. */
export const countPrimes = defineCommand({
  type: 'primes.count',
  payload: Type.Object({ below: Type.Integer({ minimum: 0, maximum: 10_000_000 }) }),
  async handler({ payload }, context) {
    const middle = Math.floor(payload.below / 2);
    const ranges = [
      { from: 0, to: middle },
      { from: middle, to: payload.below },
    ];
    const children = await Promise.all(
      ranges.map((range) => context.submit({ taskType: countPrimesIn.type, payload: range })),
    );
    const outcomes = await context.waitFor(children);
    const failed = outcomes.find(({ status }) => status !== 'SUCCESS');
    if (failed !== undefined) throw new Error(`${failed.taskId}: ${failed.error?.message ?? failed.status}`);
    return { primes: outcomes.reduce((sum, { result }) => sum + (result as { primes: number }).primes, 0) };
  },
});

/** Computes for long, so it runs in a thread of its own: see `primes.ts`. */
export const countPrimesIn = defineCommand({
  type: 'primes.count-in',
  cpu: true,
  payload: Type.Object({ from: Type.Integer(), to: Type.Integer() }),
  timeoutMs: 60_000,
  handler: new URL('./primes.ts', import.meta.url),
});

interface Charge {
  readonly customer: string;
  readonly cents: number;
  readonly idempotencyKey: string;
  readonly signal: AbortSignal;
}

/** Stands for the call to a payment provider. */
async function chargeCard({ customer, cents, idempotencyKey, signal }: Charge): Promise<{ id: string; cents: number }> {
  signal.throwIfAborted();
  return { id: `receipt-of-${customer}-${idempotencyKey}`, cents };
}

interface Answer {
  readonly status: number;
  readonly retryAfterMs: number;
}

/** Stands for a service that is busy at first. */
async function askAddressService(
  { text }: { text: string },
  { signal, attempt }: { signal: AbortSignal; attempt: number },
): Promise<Answer> {
  signal.throwIfAborted();
  if (text.startsWith('nowhere')) return { status: 404, retryAfterMs: 0 };
  return attempt === 1 ? { status: 429, retryAfterMs: 200 } : { status: 200, retryAfterMs: 0 };
}
