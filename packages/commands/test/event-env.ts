import { createMemoryStore, createSqliteStore, type Store } from '@millrace/engines/store';
import { type CommandEvent, defineCommand, partial, Unrecoverable } from '@millrace/kit';
import { tempDir } from '@millrace/testkit';
import {
  type Commands,
  type CommandsOptions,
  commandsSchema,
  createCommands,
  type EventMessage,
} from '../src/index.ts';

export interface EventEnv extends AsyncDisposable {
  readonly store: Store;
  readonly room: Commands;
  /** Lets the handlers of `gated` and `telling` go on that wait now. */
  open(): void;
  /** Another room over the same store, as after a crash; it is stopped with the environment. */
  reopen(options?: Partial<CommandsOptions>): Promise<Commands>;
}

export const STORES = ['memory', 'sqlite'] as const;
export type StoreKind = (typeof STORES)[number];

/** A room over a store of the kind, with types that succeed, fail, retry, wait and report progress. */
export async function startEvents(kind: StoreKind, options: Partial<CommandsOptions> = {}): Promise<EventEnv> {
  const dir = kind === 'sqlite' ? await tempDir() : undefined;
  const schemas = [commandsSchema];
  const store =
    dir === undefined ? createMemoryStore({ schemas }) : createSqliteStore({ directory: dir.path, schemas });
  await store.start();
  let gate = Promise.withResolvers<void>();
  const reopen = async (more: Partial<CommandsOptions> = {}) => {
    const definitions = definitionsWith(() => gate.promise);
    const opened = createCommands({ store, definitions, shutdownMs: 0, ...options, ...more });
    await opened.start();
    rooms.push(opened);
    return opened;
  };
  const rooms: Commands[] = [];
  const room = await reopen();
  return {
    ...{ store, room, reopen },
    open() {
      gate.resolve();
      gate = Promise.withResolvers();
    },
    async [Symbol.asyncDispose]() {
      gate.resolve();
      for (const each of rooms) await each.stop();
      await store.stop();
      await dir?.[Symbol.asyncDispose]();
    },
  };
}

const RETRIES = { maxAttempts: 2, initialDelayMs: 1, maxDelayMs: 1 };

function definitionsWith(gate: () => Promise<void>) {
  return [
    defineCommand({ type: 'fine', handler: () => 1 }),
    defineCommand({ type: 'partly', handler: () => partial(1, new Error('The rest is missing.')) }),
    defineCommand({ type: 'flaky', retries: RETRIES, handler: (_command, { attempt }) => failFirst(attempt) }),
    defineCommand({ type: 'broken', handler: () => Promise.reject(new Unrecoverable('It never works.')) }),
    defineCommand({
      type: 'gated',
      handler: (_command, { signal }) =>
        new Promise<void>((resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason));
          void gate().then(resolve);
        }),
    }),
    defineCommand({
      type: 'telling',
      handler: async ({ payload }, context) => {
        const { count = 2, value } = payload as { count?: number; value?: unknown };
        for (let number = 1; number <= count; number++) context.progress(value ?? number);
        await gate();
        context.progress('last');
      },
    }),
  ];
}

function failFirst(attempt: number): number {
  if (attempt === 1) throw new Error('Not yet.');
  return attempt;
}

/** Reads a stream to its end. */
export async function all(events: AsyncIterable<EventMessage>): Promise<EventMessage[]> {
  const seen: EventMessage[] = [];
  for await (const event of events) seen.push(event);
  return seen;
}

/** Reads so many messages of a stream and leaves it. */
export async function first(count: number, events: AsyncIterable<EventMessage>): Promise<EventMessage[]> {
  const seen: EventMessage[] = [];
  for await (const event of events) {
    seen.push(event);
    if (seen.length >= count) break;
  }
  return seen;
}

/** Without the time of starts: the store keeps when it was leased first, and when the handler began in the end. */
export function stable(events: readonly EventMessage[]): EventMessage[] {
  return events.map((event) => (event.type === 'command.started' ? { ...event, at: '' } : event));
}

/** `queued 0`, `started 1`, …: what happened, without names and times. */
export function kinds(events: readonly EventMessage[]): string[] {
  return events.map((event) => (event.type === 'reset' ? 'reset' : brief(event)));
}

function brief(event: CommandEvent): string {
  const told = event.type === 'command.progress' ? `=${JSON.stringify(event.progress)}` : '';
  return `${event.type.slice('command.'.length)} ${event.attempt}${told}`;
}
