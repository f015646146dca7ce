import { Type } from 'typebox';
import { fail } from './errors.ts';
import {
  type CheckedHealth,
  type HealthMonitor,
  type HealthReport,
  memoryHealth,
  processFacts,
} from './health-monitor.ts';
import type { HttpApp, HttpReply } from './http-app.ts';

const MS_PER_SECOND = 1_000;

export interface HealthRouteOptions {
  readonly monitor: HealthMonitor;
  readonly version: string;
  /** Monotonic ms at which the server was created. */
  readonly startedAtMs: number;
}

const CheckSchema = Type.Object({
  status: Type.Union([Type.Literal('up'), Type.Literal('down'), Type.Literal('degraded')]),
  responseTime: Type.Number({ description: 'Milliseconds.' }),
  error: Type.Optional(Type.String()),
  details: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});

const HealthSchema = Type.Object({
  status: Type.Union([Type.Literal('ok'), Type.Literal('degraded'), Type.Literal('error')]),
  timestamp: Type.String({ format: 'date-time' }),
  uptime: Type.Integer({ description: 'Seconds.' }),
  version: Type.String(),
  checks: Type.Record(Type.String(), CheckSchema),
});

const config = { public: true };

/** `full=true` means `/health/detailed`, as the contract has it; whatever else is asked is ignored, as probes expect. */
const HealthQuery = Type.Object({ full: Type.Optional(Type.String({ description: '`true`: as /health/detailed.' })) });

/**
 * `/health`, `/health/live`, `/health/ready`, `/health/detailed` and one path a check (`/health/database`), open to
 * everyone; fields as in contract §1.2.
 */
export function healthRoutes(app: HttpApp, options: HealthRouteOptions): void {
  const { monitor } = options;
  const response = { 200: HealthSchema, 503: HealthSchema };
  app.get(
    '/health',
    { config, schema: { tags: ['health'], summary: 'Health of the process', querystring: HealthQuery, response } },
    async (request, reply) => {
      const report = await monitor.report();
      if (request.query.full === 'true') return sendDetailed(app, options, { reply, report });
      return noStore(reply, report.status === 'error' ? 503 : 200).send(summaryOf(app, options, report));
    },
  );

  app.get('/health/live', { config, schema: { tags: ['health'], summary: 'Whether the process runs' } }, (_, reply) => {
    noStore(reply, 200).send({ status: 'ok' });
  });

  app.get(
    '/health/ready',
    { config, schema: { tags: ['health'], summary: 'Whether to send work here' } },
    async (_, reply) => {
      if (app.millrace.isStopping()) return noStore(reply, 503).send({ status: 'stopping', checks: {} });
      const report = await monitor.report();
      const isReady = report.status !== 'error';
      const body = { status: isReady ? 'ready' : 'not_ready', checks: withoutDetails(report) };
      return noStore(reply, isReady ? 200 : 503).send(body);
    },
  );

  app.get(
    '/health/detailed',
    { config, schema: { tags: ['health'], summary: 'Health with details' } },
    async (_, reply) => sendDetailed(app, options, { reply, report: await monitor.report() }),
  );

  checkRoute(app, monitor);
}

function checkRoute(app: HttpApp, monitor: HealthMonitor): void {
  const schema = { tags: ['health'], summary: 'One check', params: Type.Object({ check: Type.String() }) };
  app.get('/health/:check', { config, schema }, async (request, reply) => {
    const found = Object.entries((await monitor.report()).checks).find(([name]) => name === request.params.check);
    const details = { method: request.method, path: `/health/${request.params.check}` };
    if (found === undefined) throw fail('ROUTE_NOT_FOUND', { details });
    const [, { details: _, ...check }] = found;
    return noStore(reply, check.status === 'down' ? 503 : 200).send(check);
  });
}

function sendDetailed(
  app: HttpApp,
  options: HealthRouteOptions,
  { reply, report }: { readonly reply: HttpReply; readonly report: HealthReport },
): HttpReply {
  const body = {
    ...summaryOf(app, options, report),
    checks: report.checks,
    memory: memoryHealth(),
    process: processFacts(),
  };
  return noStore(reply, report.status === 'error' ? 503 : 200).send(body);
}

function summaryOf(app: HttpApp, { version, startedAtMs }: HealthRouteOptions, report: HealthReport) {
  const { clock } = app.millrace;
  return {
    status: report.status,
    timestamp: new Date(clock.now()).toISOString(),
    uptime: Math.floor((clock.monotonic() - startedAtMs) / MS_PER_SECOND),
    version,
    checks: withoutDetails(report),
  };
}

function withoutDetails(report: HealthReport): Record<string, CheckedHealth> {
  return Object.fromEntries(
    Object.entries(report.checks).map(([name, { details: _, ...check }]): [string, CheckedHealth] => [name, check]),
  );
}

function noStore(reply: HttpReply, status: number): HttpReply {
  return reply.header('cache-control', 'no-store').code(status);
}
