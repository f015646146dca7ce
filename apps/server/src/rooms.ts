import { createAssistantCommands } from '@millrace/assistant';
import { type Commands, commandsSchema, createCommands, createSchedules, testDefaults } from '@millrace/commands';
import { createMemoryStore, createSqliteStore, type Store } from '@millrace/engines/store';
import type { HttpServer } from '@millrace/http';
import { type CommandDefinition, VirtualClock } from '@millrace/kit';
import type { EdgeParts } from './http-edge.ts';
import type { ResolvedMillraceOptions } from './millrace-options.ts';
import type { Telemetry } from './telemetry.ts';

/** The rooms of a process, running. */
export interface Rooms {
  readonly commands: Commands;
  /** Where HTTP is served; `undefined` without it. */
  readonly url: string | undefined;
  /** Stops intake, then the rooms, then what they stand on. */
  stop(): Promise<void>;
}

/** Share of the shutdown time that running handlers have; the rest is for giving back, flushing and closing. */
const HANDLERS_SHARE = 0.8;
/** At the end of their time their signals abort: so long before, in ms, but not more than half of it. */
const GRACE_MS = 2_500;

/** Opens store, rooms and HTTP in this order; on failure closes what was opened and throws. */
export async function openRooms(options: ResolvedMillraceOptions): Promise<Rooms> {
  const opened = new AsyncDisposableStack();
  try {
    const telemetry = await openTelemetry(options, opened);
    const store = opened.use(createStore(options, telemetry));
    await store.start();
    const commands = opened.use(createCommandsRoom(options, { store, telemetry }));
    const { clock, logger } = options;
    const schedules = opened.use(createSchedules({ store, clock, logger, commands }));
    telemetry?.observe({ commands, store });
    await commands.start();
    await schedules.start();
    const http = await openHttp(options, { commands, schedules, store, telemetry, opened });
    return {
      commands,
      url: http?.url,
      async stop() {
        http?.stopIntake();
        await schedules.stop();
        // Before HTTP closes, so that requests which wait for a command still get its outcome.
        await commands.stop();
        await opened.disposeAsync();
      },
    };
  } catch (error) {
    await opened.disposeAsync();
    throw error;
  }
}

/** Metrics are kept only where something serves them; loaded only then, because they come with HTTP. */
async function openTelemetry(
  { http, metrics }: ResolvedMillraceOptions,
  opened: AsyncDisposableStack,
): Promise<Telemetry | undefined> {
  if (http === false || metrics === false) return undefined;
  const { createTelemetry } = await import('./telemetry.ts');
  return opened.use(createTelemetry());
}

function createStore({ store, dataDir }: ResolvedMillraceOptions, telemetry: Telemetry | undefined): Store {
  const onCommit = telemetry?.onCommit;
  const schemas = [commandsSchema];
  if (store === 'memory') return createMemoryStore({ schemas, onCommit });
  return createSqliteStore({ directory: dataDir, schemas, onCommit });
}

function createCommandsRoom(
  options: ResolvedMillraceOptions,
  { store, telemetry }: { readonly store: Store; readonly telemetry: Telemetry | undefined },
): Commands {
  const { clock, logger, workerId, shutdownTimeoutMs, admission, retention, webhooks, cpu } = options;
  return createCommands({
    ...(clock instanceof VirtualClock ? testDefaults : {}),
    ...{ store, clock, logger, workerId, ...given('observer', telemetry?.observer) },
    definitions: withBuiltIns(options),
    ...shutdownTimes(shutdownTimeoutMs),
    ...given('depthMax', admission?.queueDepthMax === 0 ? Number.MAX_SAFE_INTEGER : admission?.queueDepthMax),
    ...given('queueAgeMaxMs', admission?.queueAgeMaxMs),
    ...given('timeoutMs', options.commandTimeoutMs),
    ...given('slowMs', options.commandSlowMs),
    cpuThreads: cpu?.threads === 0 ? undefined : cpu?.threads,
    cpuThreadMemoryMib: cpu?.threadMemoryMib,
    webhookSecret: webhooks?.secret,
    allowPrivateCallbacks: webhooks?.allowedHosts,
    retention: {
      ...given('retentionMs', retention?.ageMaxMs),
      ...given('rowsMax', retention?.rowsMax),
      ...given('freeBytesMin', retention?.diskFreeMinBytes),
    },
  });
}

/** What the time of the whole stop leaves to handlers, before and after their signals. */
function shutdownTimes(shutdownTimeoutMs: number) {
  const handlersMs = Math.floor(shutdownTimeoutMs * HANDLERS_SHARE);
  const shutdownGraceMs = Math.min(GRACE_MS, Math.floor(handlersMs / 2));
  return { shutdownMs: handlersMs - shutdownGraceMs, shutdownGraceMs };
}

/** A field that is there only when it has a value: an absent option keeps its default. */
function given<TName extends string, TValue>(name: TName, value: TValue | undefined) {
  return (value === undefined ? {} : { [name]: value }) as { [name in TName]?: TValue };
}

/** The user's definitions, and the built-in types that they do not define themselves. */
function withBuiltIns({ commands, assistant, clock }: ResolvedMillraceOptions): readonly CommandDefinition[] {
  if (assistant === false) return commands;
  const own = new Set(commands.map(({ type }) => type));
  const builtIn = createAssistantCommands({ clock, ...assistant }).filter(({ type }) => !own.has(type));
  return [...commands, ...builtIn];
}

/** Loaded only when wanted: a program without HTTP needs no web framework. */
async function openHttp(options: ResolvedMillraceOptions, parts: EdgeParts): Promise<HttpServer | undefined> {
  if (options.http === false) return undefined;
  const { openHttpEdge } = await import('./http-edge.ts');
  return openHttpEdge({ ...options, http: options.http ?? {} }, parts);
}
