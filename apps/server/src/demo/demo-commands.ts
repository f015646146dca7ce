import { type CommandDefinition, defineCommand } from '@millrace/kit';
import { Type } from 'typebox';

/** The types of the demo; EXECUTE_ASSISTANT is built in. */
export const DEMO_TYPES = {
  assistant: 'EXECUTE_ASSISTANT',
  primes: 'COUNT_PRIMES',
  reminder: 'SEND_REMINDER',
  flaky: 'CHARGE_CARD',
  broken: 'READ_BROKEN_FEED',
  tick: 'TICK',
} as const;

/** The attempt at which CHARGE_CARD comes through. */
export const FLAKY_SUCCEEDS_AT = 3;
/** After so many attempts READ_BROKEN_FEED is dead-lettered. */
export const BROKEN_ATTEMPTS = 3;

/** Computes for milliseconds on end: `cpu: true` takes it off the event loop. */
export const countPrimes = defineCommand({
  type: DEMO_TYPES.primes,
  payload: Type.Object({ from: Type.Integer({ minimum: 0 }), to: Type.Integer({ minimum: 0 }) }),
  cpu: true,
  handler: new URL(import.meta.url.endsWith('.ts') ? './count-primes.ts' : './count-primes.js', import.meta.url),
});

/** Submitted with a delay. */
export const sendReminder = defineCommand({
  type: DEMO_TYPES.reminder,
  payload: Type.Object({ about: Type.String() }),
  concurrency: 100,
  handler: ({ payload, createdAt }) => ({ text: `${payload.about}: asked for at ${createdAt.toISOString()}` }),
});

/** Fails twice, as a payment provider on a bad day does, and then succeeds. */
export const chargeCard = defineCommand({
  type: DEMO_TYPES.flaky,
  payload: Type.Object({ cents: Type.Integer({ minimum: 1 }) }),
  concurrency: 100,
  retries: { maxAttempts: FLAKY_SUCCEEDS_AT },
  handler: ({ payload }, { attempt }) => {
    if (attempt < FLAKY_SUCCEEDS_AT) throw new Error(`The provider does not answer (attempt ${attempt}).`);
    return { charged: payload.cents, attempt };
  },
});

/** Never succeeds: after its last attempt it is dead-lettered, with every error in its history. */
export const readBrokenFeed = defineCommand({
  type: DEMO_TYPES.broken,
  payload: Type.Object({ feed: Type.String() }),
  concurrency: 100,
  retries: { maxAttempts: BROKEN_ATTEMPTS },
  handler: ({ payload }) => {
    throw new SyntaxError(`The feed ${payload.feed} is no XML.`);
  },
});

/** What the schedule submits. */
export const tick = defineCommand({
  type: DEMO_TYPES.tick,
  handler: ({ createdAt }) => ({ firedAt: createdAt.toISOString() }),
});

export const DEMO_COMMANDS = [countPrimes, sendReminder, chargeCard, readBrokenFeed, tick] as CommandDefinition[];
