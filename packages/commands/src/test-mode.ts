import { createMemoryStore } from '@millrace/engines/store';
import { type CommandOutcome, type SubmitInput, VirtualClock } from '@millrace/kit';
import { createCommands } from './command-room.ts';
import type { Commands, SubmitReceipt } from './commands.ts';
import type { DrainOptions } from './drain.ts';
import type { CommandsOptions } from './options.ts';
import { commandsSchema } from './schema.ts';

/** Longer than any test's virtual time: nobody else competes for these leases, and time jumps. In ms. */
const LEASE_MS = 10 * 365 * 24 * 3_600_000;

/** What differs from the defaults where time is virtual and the store is in memory. */
export const testDefaults = {
  alone: true,
  leaseMs: LEASE_MS,
  heartbeatMs: LEASE_MS / 10,
} as const satisfies Partial<CommandsOptions>;

export type TestCommandsOptions = Omit<CommandsOptions, 'store' | 'clock'> & { readonly clock?: VirtualClock };

/** The room as tests use it: running, in memory, in virtual time. */
export interface TestCommands extends AsyncDisposable {
  readonly commands: Commands;
  readonly clock: VirtualClock;
  submit(input: SubmitInput): Promise<SubmitReceipt>;
  /** Runs everything that is due, retries and delayed commands included, moving the clock as far as that needs. */
  drain(options?: DrainOptions): Promise<void>;
  /** How a command ended; `undefined` when it has not. */
  outcome(taskId: string): Promise<CommandOutcome | undefined>;
}

/** Starts a room over a store in memory and a virtual clock. */
export async function createTestCommands(options: TestCommandsOptions = {}): Promise<TestCommands> {
  const clock = options.clock ?? new VirtualClock();
  const store = createMemoryStore({ schemas: [commandsSchema] });
  await store.start();
  const commands = createCommands({ ...testDefaults, ...options, clock, store });
  await commands.start();
  return {
    commands,
    clock,
    submit: (input) => commands.submit(input),
    drain: (drainOptions) => commands.drain(drainOptions),
    outcome: (taskId) => commands.waitForOutcome(taskId, { waitMs: 0 }),
    async [Symbol.asyncDispose]() {
      await commands.stop();
      await store.stop();
    },
  };
}
