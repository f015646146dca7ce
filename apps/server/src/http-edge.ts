import {
  type Commands,
  registerCommandRoutes,
  registerCommandSocket,
  registerScheduleRoutes,
  type Schedules,
} from '@millrace/commands';
import type { Store } from '@millrace/engines/store';
import { createHttpServer, type HttpServer } from '@millrace/http';
import packageJson from '../package.json' with { type: 'json' };
import { EventLoopLag } from './event-loop-lag.ts';
import type { HttpSettings, ResolvedMillraceOptions } from './millrace-options.ts';
import { storeHealth, type Telemetry } from './telemetry.ts';

/** What the edge serves. */
export interface EdgeParts {
  readonly commands: Commands;
  readonly schedules: Schedules;
  readonly store: Store;
  readonly telemetry: Telemetry | undefined;
  /** Closes the server with everything else. */
  readonly opened: AsyncDisposableStack;
}

/** Opens the port, with the routes of every room. */
export async function openHttpEdge(
  options: ResolvedMillraceOptions & { readonly http: HttpSettings },
  { commands, schedules, store, telemetry, opened }: EdgeParts,
): Promise<HttpServer> {
  const { apiKey, jwtSecret, host, port, clock, logger, http, admission, metrics } = options;
  const lagMaxMs = admission?.eventLoopLagMaxMs ?? 0;
  const lag = lagMaxMs > 0 ? opened.use(new EventLoopLag(lagMaxMs)) : undefined;
  const { waitMsMax, ...serving } = http;
  const server = createHttpServer({
    ...serving,
    ...(metrics === false ? { metricsPath: false } : {}),
    auth: { ...http.auth, apiKey, jwtSecret },
    ...{ host, port, clock, logger, registry: telemetry?.registry },
    service: { name: 'millrace', version: packageJson.version },
    healthChecks: [storeHealth(store)],
    overloaded: lag === undefined ? undefined : () => refuseFor(lag, telemetry),
  });
  opened.use(server);
  const routes = { commands, clock, logger, waitMsMax };
  server.register((app) => registerCommandRoutes(app, routes));
  server.register((app) => registerScheduleRoutes(app, { schedules }));
  server.registerWebSocket((app) => registerCommandSocket(app, routes));
  await server.start();
  return server;
}

/** Asked for every write: what is refused counts among what was shed. */
function refuseFor(lag: EventLoopLag, telemetry: Telemetry | undefined): number | undefined {
  const retryAfterMs = lag.overloaded();
  if (retryAfterMs !== undefined) telemetry?.observer.shed('lag');
  return retryAfterMs;
}
