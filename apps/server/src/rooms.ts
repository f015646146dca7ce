import { createAssistantCommands } from '@millrace/assistant';
import {
  type Commands,
  commandsSchema,
  createCommands,
  registerCommandRoutes,
  registerCommandSocket,
  testDefaults,
} from '@millrace/commands';
import { createMemoryStore, createSqliteStore, type Store } from '@millrace/engines/store';
import type { HttpServer } from '@millrace/http';
import { type CommandDefinition, VirtualClock } from '@millrace/kit';
import type { ResolvedMillraceOptions } from './millrace-options.ts';

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

/** Opens store, rooms and HTTP in this order; on failure closes what was opened and throws. */
export async function openRooms(options: ResolvedMillraceOptions): Promise<Rooms> {
  const opened = new AsyncDisposableStack();
  try {
    const store = opened.use(createStore(options));
    await store.start();
    const commands = opened.use(createCommandsRoom(options, store));
    await commands.start();
    const http = options.http === false ? undefined : await openHttp(options, { commands, opened });
    return {
      commands,
      url: http?.url,
      async stop() {
        http?.stopIntake();
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

function createStore({ store, dataDir }: ResolvedMillraceOptions): Store {
  const schemas = [commandsSchema];
  return store === 'memory' ? createMemoryStore({ schemas }) : createSqliteStore({ directory: dataDir, schemas });
}

function createCommandsRoom(options: ResolvedMillraceOptions, store: Store): Commands {
  const { clock, logger, workerId, shutdownTimeoutMs, admission } = options;
  const queueDepthMax = admission?.queueDepthMax;
  return createCommands({
    ...(clock instanceof VirtualClock ? testDefaults : {}),
    ...{ store, clock, logger, workerId },
    definitions: withBuiltIns(options),
    shutdownMs: Math.floor(shutdownTimeoutMs * HANDLERS_SHARE),
    ...(queueDepthMax === undefined ? {} : { depthMax: queueDepthMax === 0 ? Number.MAX_SAFE_INTEGER : queueDepthMax }),
  });
}

/** The user's definitions, and the built-in types that they do not define themselves. */
function withBuiltIns({ commands, assistant, clock }: ResolvedMillraceOptions): readonly CommandDefinition[] {
  if (assistant === false) return commands;
  const own = new Set(commands.map(({ type }) => type));
  const builtIn = createAssistantCommands({ clock, ...assistant }).filter(({ type }) => !own.has(type));
  return [...commands, ...builtIn];
}

interface Edge {
  readonly commands: Commands;
  readonly opened: AsyncDisposableStack;
}

/** Loaded only when wanted: a program without HTTP needs no web framework. */
async function openHttp(options: ResolvedMillraceOptions, { commands, opened }: Edge): Promise<HttpServer> {
  const { createHttpServer, createMetrics } = await import('@millrace/http');
  const { registry } = opened.use(createMetrics());
  const { apiKey, jwtSecret, host, port, clock, logger, http } = options;
  const settings = http === false ? {} : http;
  const server = createHttpServer({
    ...settings,
    auth: { ...settings.auth, apiKey, jwtSecret },
    ...{ host, port, clock, logger, registry },
  });
  opened.use(server);
  const routes = { commands, clock, logger };
  server.register((app) => registerCommandRoutes(app, routes));
  server.registerWebSocket((app) => registerCommandSocket(app, routes));
  await server.start();
  return server;
}
