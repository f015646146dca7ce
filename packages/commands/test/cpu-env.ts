import { createMemoryStore } from '@millrace/engines/store';
import { type CommandDefinition, type CommandOutcome, type CpuDefinition, defineCommand } from '@millrace/kit';
import { type Commands, type CommandsOptions, commandsSchema, createCommands } from '../src/index.ts';

/** Generous: a thread starts within 100 ms on an idle machine. */
export const WAIT_MS = 30_000;

export interface CpuEnv extends AsyncDisposable {
  readonly commands: Commands;
  /** Runs `do` of `cpu-handlers.ts` in a thread and gives how the command ended. */
  run(act: string, more?: Readonly<Record<string, unknown>>, timeoutMs?: number): Promise<CommandOutcome>;
}

export interface CpuEnvOptions extends Partial<CommandsOptions> {
  readonly type?: Partial<CpuDefinition>;
}

/** A room in real time with the type `cpu` (every attempt in a thread) and whatever definitions are given. */
export async function createCpuEnv({ type, definitions = [], ...options }: CpuEnvOptions = {}): Promise<CpuEnv> {
  const store = createMemoryStore({ schemas: [commandsSchema] });
  await store.start();
  const commands = createCommands({
    cpuThreads: 1,
    cpuThreadMemoryMib: 64,
    ...options,
    store,
    definitions: [cpu(type), ...definitions],
  });
  await commands.start();
  // Nothing else keeps the test's process alive while a thread starts.
  const alive = setInterval(() => {}, WAIT_MS);
  return {
    commands,
    async run(act, more = {}, timeoutMs) {
      const metadata = timeoutMs === undefined ? {} : { metadata: { timeout: timeoutMs / 1_000 } };
      const input = { taskType: 'cpu', payload: { do: act, ...more }, ...metadata };
      const { outcome } = await commands.process(input, { waitMs: WAIT_MS });
      if (outcome === undefined) throw new Error(`${act} did not end within ${WAIT_MS} ms.`);
      return outcome;
    },
    async [Symbol.asyncDispose]() {
      await commands.stop();
      await store.stop();
      clearInterval(alive);
    },
  };
}

function cpu(type: Partial<CpuDefinition> | undefined): CommandDefinition {
  return defineCommand({
    type: 'cpu',
    cpu: true,
    handler: new URL('./cpu-handlers.ts', import.meta.url),
    retries: { maxAttempts: 2, initialDelayMs: 1 },
    ...type,
  });
}
