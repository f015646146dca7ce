import type { HttpApp } from '@millrace/http';
import { PRIORITIES } from '@millrace/kit';
import { type TSchema, Type } from 'typebox';
import { MISSED_POLICIES, SCHEDULE_ID_CHARACTERS_MAX, type ScheduleChanges, type ScheduleInput } from './schedule.ts';
import { SCHEDULES_LIMIT_DEFAULT, SCHEDULES_LIMIT_MAX, type Schedules } from './schedules.ts';

const IdSchema = Type.String({ pattern: `^[A-Za-z0-9_-]{1,${SCHEDULE_ID_CHARACTERS_MAX}}$` });

const CommandSchema = Type.Object(
  {
    taskType: Type.String(),
    payload: Type.Optional(Type.Unknown()),
    metadata: Type.Optional(
      Type.Object({
        priority: Type.Optional(Type.Union(PRIORITIES.map((name) => Type.Literal(name)))),
        timeout: Type.Optional(Type.Number({ description: 'Seconds per attempt.' })),
      }),
    ),
    correlationId: Type.Optional(Type.String({ description: 'Default: the scheduleId.' })),
    concurrencyKey: Type.Optional(Type.String()),
    callbackUrl: Type.Optional(Type.String()),
  },
  { description: 'What every firing submits. Its taskId is `<scheduleId>-<epoch seconds>`.' },
);

const TIMING = {
  cron: Type.String({ description: '5 fields, or 6 with seconds in front.', examples: ['*/15 8-18 * * MON-FRI'] }),
  timeZone: Type.Optional(Type.String({ description: 'IANA name. Default UTC.', examples: ['Europe/Berlin'] })),
  command: CommandSchema,
  missed: Type.Optional(Type.Union(MISSED_POLICIES.map((name) => Type.Literal(name)))),
  enabled: Type.Optional(Type.Boolean()),
};
const BodySchema = Type.Object(TIMING, { additionalProperties: false });
const CreateSchema = Type.Object({ scheduleId: Type.Optional(IdSchema), ...TIMING }, { additionalProperties: false });
const ChangesSchema = Type.Partial(BodySchema, { additionalProperties: false });

const nullableInstant = Type.Union([Type.String({ format: 'date-time' }), Type.Null()]);
// Answers are documented by their schemas, and typed by the façade.
const ScheduleSchema: TSchema = Type.Object({
  scheduleId: IdSchema,
  ...TIMING,
  createdAt: Type.String({ format: 'date-time' }),
  updatedAt: Type.String({ format: 'date-time' }),
  nextAt: nullableInstant,
  lastAt: nullableInstant,
  lastError: Type.Optional(Type.String()),
});
const PageSchema: TSchema = Type.Object({
  items: Type.Array(ScheduleSchema),
  nextCursor: Type.Union([Type.String(), Type.Null()]),
});

const params = Type.Object({ scheduleId: Type.String({ maxLength: 100 }) });
const querystring = Type.Object({
  limit: Type.Integer({ minimum: 1, maximum: SCHEDULES_LIMIT_MAX, default: SCHEDULES_LIMIT_DEFAULT }),
  cursor: Type.Optional(Type.String({ maxLength: 100 })),
});
const tags = ['schedules'];

export interface ScheduleRouteOptions {
  readonly schedules: Schedules;
}

/** `/schedules`: cron schedules that submit commands. */
export function registerScheduleRoutes(app: HttpApp, options: ScheduleRouteOptions): void {
  registerCollection(app, options);
  registerOne(app, options);
  registerActs(app, options);
}

function registerCollection(app: HttpApp, { schedules }: ScheduleRouteOptions): void {
  app.post(
    '/schedules',
    { schema: { tags, summary: 'Create a schedule', body: CreateSchema, response: { 201: ScheduleSchema } } },
    async (request, reply) => {
      const schedule = await schedules.create(request.body as ScheduleInput);
      return reply.code(201).header('location', `/schedules/${schedule.scheduleId}`).send(schedule);
    },
  );
  app.get(
    '/schedules',
    { schema: { tags, summary: 'List schedules by their ids', querystring, response: { 200: PageSchema } } },
    (request) => schedules.list(request.query),
  );
}

function registerOne(app: HttpApp, { schedules }: ScheduleRouteOptions): void {
  const response = { 200: ScheduleSchema };
  app.get('/schedules/:scheduleId', { schema: { tags, summary: 'Read a schedule', params, response } }, (request) =>
    schedules.get(request.params.scheduleId),
  );
  app.put(
    '/schedules/:scheduleId',
    {
      schema: {
        tags,
        summary: 'Replace a schedule, or create it',
        params,
        body: BodySchema,
        response: { ...response, 201: ScheduleSchema },
      },
    },
    async (request, reply) => {
      const { scheduleId } = request.params;
      const { schedule, isNew } = await schedules.put({ ...(request.body as ScheduleInput), scheduleId });
      return reply.code(isNew ? 201 : 200).send(schedule);
    },
  );
  app.patch(
    '/schedules/:scheduleId',
    { schema: { tags, summary: 'Change a schedule', params, body: ChangesSchema, response } },
    (request) => schedules.update(request.params.scheduleId, request.body as ScheduleChanges),
  );
  app.delete(
    '/schedules/:scheduleId',
    { schema: { tags, summary: 'Delete a schedule', params } },
    async (request, reply) => {
      await schedules.remove(request.params.scheduleId);
      return reply.code(204).send();
    },
  );
}

function registerActs(app: HttpApp, { schedules }: ScheduleRouteOptions): void {
  const act = (summary: string) => ({ schema: { tags, summary, params } });
  app.post('/schedules/:scheduleId/pause', act('Stop firing'), (request) =>
    schedules.update(request.params.scheduleId, { enabled: false }),
  );
  app.post('/schedules/:scheduleId/resume', act('Fire again, from the next tick on'), (request) =>
    schedules.update(request.params.scheduleId, { enabled: true }),
  );
  app.post('/schedules/:scheduleId/run', act('Fire once now'), async (request, reply) => {
    const { taskId } = await schedules.run(request.params.scheduleId);
    return reply.code(202).header('location', `/commands/${taskId}`).send({ taskId, status: 'ACCEPTED' });
  });
}
