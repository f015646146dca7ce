import type { AddressInfo } from 'node:net';
import { type Clock, type Logger, messageOf, type Service, silentLogger, systemClock } from '@millrace/kit';
import { Registry } from 'prom-client';
import { createApp } from './create-app.ts';
import { fail } from './errors.ts';
import { registerFeatures, registerWebSocketRoutes } from './features.ts';
import { type HealthCheck, HealthMonitor } from './health-monitor.ts';
import { healthRoutes } from './health-routes.ts';
import type { HttpApp, HttpContext, RouteRegistration } from './http-app.ts';
import { HttpMetrics } from './http-metrics.ts';
import { registerDocs, registerOpenApi } from './openapi.ts';
import { BATCH_BODY_LIMIT_BYTES, DEFAULT_HOST, DEFAULT_PORT, type HttpOptions, STOP_GRACE_MS } from './options.ts';
import { assertSafeBinding } from './safe-binding.ts';

/** Where Prometheus looks unless told otherwise. */
const METRICS_PATH = '/metrics';

const DEFAULT_SERVICE = { name: 'millrace', version: '0.1.0' };

/** The HTTP edge. It knows no room: rooms register their routes before it starts. */
export interface HttpServer extends Service {
  /** Adds routes. Before `start` only. */
  register(routes: RouteRegistration): void;
  /** Adds routes that may say `{ websocket: true }` (messages up to 64 KiB). Before `start` only. */
  registerWebSocket(routes: RouteRegistration): void;
  /** Adds a check to `/health`. Before `start` only. */
  addHealthCheck(check: HealthCheck): void;
  /** `http://host:port` once it listens. @throws TypeError before */
  readonly url: string;
  /** Where `/metrics` is once it listens. */
  readonly metricsUrl: string;
  /** Refuses new writes with 503 and fails `/health/ready`; what is open goes on. Any number of times. */
  stopIntake(): void;
}

/**
 * Makes a server that does not listen yet.
 *
 * `start` throws UNSAFE_BINDING (reachable by others without credentials) and LISTEN_FAILED.
 */
export function createHttpServer(options: HttpOptions = {}): HttpServer {
  return new FastifyHttpServer(options);
}

class FastifyHttpServer implements HttpServer {
  readonly #options: HttpOptions;
  readonly #host: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #registry: Registry;
  readonly #startedAtMs: number;
  readonly #routes: RouteRegistration[] = [];
  readonly #webSocketRoutes: RouteRegistration[] = [];
  readonly #checks: HealthCheck[];
  readonly #eventStreams = new Set<{ close(): void }>();
  readonly #apps: HttpApp[] = [];
  #started: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;
  #isStopping = false;

  constructor(options: HttpOptions) {
    this.#options = options;
    this.#host = options.host ?? DEFAULT_HOST;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#registry = options.registry ?? new Registry();
    this.#checks = [...(options.healthChecks ?? [])];
    this.#startedAtMs = this.#clock.monotonic();
  }

  register(routes: RouteRegistration): void {
    this.#assertNotStarted();
    this.#routes.push(routes);
  }

  registerWebSocket(routes: RouteRegistration): void {
    this.#assertNotStarted();
    this.#webSocketRoutes.push(routes);
  }

  addHealthCheck(check: HealthCheck): void {
    this.#assertNotStarted();
    this.#checks.push(check);
  }

  get url(): string {
    return urlOf(this.#apps[0], this.#host);
  }

  get metricsUrl(): string {
    return `${urlOf(this.#apps.at(-1), this.#host)}${this.#options.metricsPath || METRICS_PATH}`;
  }

  start(): Promise<void> {
    this.#started ??= this.#start();
    return this.#started;
  }

  stopIntake(): void {
    this.#isStopping = true;
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #start(): Promise<void> {
    if (this.#isStopping) throw new TypeError('A server that was stopped is not started again; make a new one.');
    assertSafeBinding({ host: this.#host, auth: this.#options.auth });
    const metrics = new HttpMetrics(this.#registry, this.#clock);
    const app = createApp({ options: this.#options, host: this.#host, context: this.#context(), metrics });
    this.#apps.push(app);
    await registerFeatures(app, this.#options);
    const service = this.#options.service ?? DEFAULT_SERVICE;
    await registerOpenApi(app, { service, auth: this.#options.auth ?? {} });
    const monitor = new HealthMonitor(this.#checks, this.#clock);
    healthRoutes(app, { monitor, version: service.version, startedAtMs: this.#startedAtMs });
    await registerDocs(app);
    for (const routes of this.#routes) app.register(async (scope) => routes(scope as HttpApp));
    registerWebSocketRoutes(app, this.#webSocketRoutes);
    const metricsApp = this.#metricsApp(app, metrics);
    this.#addMetricsRoute(metricsApp);
    await listen(app, this.#host, this.#options.port ?? DEFAULT_PORT);
    if (metricsApp !== app) await listen(metricsApp, this.#host, this.#options.metricsPort ?? 0);
    this.#logger.info('HTTP server listening', { metadata: { url: this.url } });
  }

  #metricsApp(app: HttpApp, metrics: HttpMetrics): HttpApp {
    if (this.#options.metricsPort === undefined) return app;
    const metricsApp = createApp({ options: this.#options, host: this.#host, context: this.#context(), metrics });
    this.#apps.push(metricsApp);
    return metricsApp;
  }

  #addMetricsRoute(app: HttpApp): void {
    const { metricsPath = METRICS_PATH } = this.#options;
    if (metricsPath === false) return;
    const registry = this.#registry;
    const config = { public: this.#options.auth?.metricsPublic ?? false };
    const schema = { tags: ['health'], summary: 'Metrics in the text format of Prometheus' };
    app.get(metricsPath, { config, schema }, async (_, reply) => {
      const text = await registry.metrics();
      return reply.type(registry.contentType).send(text);
    });
  }

  #context(): HttpContext {
    return {
      clock: this.#clock,
      logger: this.#logger,
      batchBodyLimitBytes: this.#options.batchBodyLimitBytes ?? BATCH_BODY_LIMIT_BYTES,
      eventStreams: this.#eventStreams,
      isStopping: () => this.#isStopping,
    };
  }

  async #stop(): Promise<void> {
    this.stopIntake();
    await this.#started?.catch(() => undefined);
    for (const stream of this.#eventStreams) stream.close();
    const cut = this.#clock.schedule(this.#options.stopGraceMs ?? STOP_GRACE_MS, () => {
      for (const app of this.#apps) app.server.closeAllConnections();
    });
    try {
      await Promise.all(this.#apps.map((app) => app.close()));
    } finally {
      cut.cancel();
    }
  }

  #assertNotStarted(): void {
    if (this.#started !== undefined) throw new TypeError('Routes and checks are added before the server starts.');
  }
}

async function listen(app: HttpApp, host: string, port: number): Promise<void> {
  try {
    await app.ready();
    await app.listen({ host, port });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined || !/^E[A-Z]+$/.test(code)) throw error;
    const reason = code === 'EADDRINUSE' ? 'the port is in use; choose another with PORT' : messageOf(error);
    throw fail('LISTEN_FAILED', { details: { host, port, reason }, cause: error });
  }
}

function urlOf(app: HttpApp | undefined, host: string): string {
  const address = app?.server.address() as AddressInfo | null | undefined;
  if (address === null || address === undefined) throw new TypeError('The server does not listen.');
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${address.port}`;
}
