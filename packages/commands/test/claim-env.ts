import { createMemoryStore, type Store } from '@millrace/engines/store';
import type { LeasedCommand, NewCommand } from '../src/command.ts';
import { commandsSchema } from '../src/schema.ts';
import type { Claimed, ClaimRequest } from '../src/sql/claim-commands.ts';
import { type Departure, departTrain } from '../src/sql/depart-train.ts';
import { newCommand, parseSubmission } from '../src/submission.ts';

/** The wall clock of the claim tests. */
export const NOW = 1_000_000_000;

/** The real tables in memory, filled and claimed from directly. */
export interface ClaimEnv extends AsyncDisposable {
  readonly store: Store;
  insert(inputs: readonly object[]): Promise<readonly NewCommand[]>;
  claim(request: Partial<ClaimRequest>): Promise<Claimed>;
}

export async function createClaimEnv(): Promise<ClaimEnv> {
  const store = createMemoryStore({ schemas: [commandsSchema] });
  await store.start();
  let lastId = 0;
  const depart = (part: Partial<Departure>) =>
    store.write(departTrain, {
      ...{ now: NOW, worker: 1, ended: [], arrivals: [], claims: [], limitedTypes: [], promote: false },
      ...part,
    });
  return {
    store,
    async insert(inputs) {
      const commands = inputs.map((input) => {
        const id = ++lastId;
        const submission = parseSubmission({ taskType: 'work', ...input }, NOW);
        return newCommand(submission, { id, taskId: `c${id}`, createdAt: NOW, timeoutMs: 1_000, trace: null });
      });
      await depart({ arrivals: commands.map((command) => ({ command, claim: false })) });
      return commands;
    },
    async claim(request) {
      const whole = { taskType: 'work', limit: 10, perKey: 1_000, room: [], after: '', suspects: true, ...request };
      return (await depart({ claims: [whole] })).claims[0] as Claimed;
    },
    [Symbol.asyncDispose]: () => store.stop(),
  };
}

/** How many of each key. */
export function countByKey(commands: readonly LeasedCommand[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { concurrencyKey } of commands) counts.set(concurrencyKey, (counts.get(concurrencyKey) ?? 0) + 1);
  return counts;
}
