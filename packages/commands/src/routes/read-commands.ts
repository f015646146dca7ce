import type { HttpApp } from '@millrace/http';
import { COMMAND_STATUSES } from '@millrace/kit';
import { type Static, Type } from 'typebox';
import type { ListFilter } from '../commands.ts';
import { goneSignal } from './answers.ts';
import { fieldPicker, InstantQuery, instantOf, isBrief } from './query-parts.ts';
import { answers, type CommandRoutesOptions, longestWaitMs, TAGS } from './route-options.ts';
import { TaskIdParams, TypeStateSchema, ViewPage, ViewSchema } from './schemas.ts';

/** `GET /commands/stats` counts from so many ms ago when not told. */
const STATS_PERIOD_MS = 24 * 3_600_000;

const Text = Type.Optional(Type.String({ minLength: 1, maxLength: 200 }));

const ListQuery = Type.Object(
  {
    status: Type.Optional(Type.Enum([...COMMAND_STATUSES])),
    taskType: Text,
    correlationId: Text,
    createdFrom: InstantQuery,
    createdTo: InstantQuery,
    from: InstantQuery,
    to: InstantQuery,
    fields: Type.Optional(Type.String({ description: 'Names of fields, separated by commas.' })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: 50 })),
    cursor: Type.Optional(Type.String({ description: '`nextCursor` of the page before.' })),
  },
  { additionalProperties: false },
);

const GetQuery = Type.Object(
  {
    wait: Type.Optional(Type.Number({ minimum: 0, description: 'Seconds to wait for its end, at most 30.' })),
    fields: Type.Optional(Type.String({ description: 'Names of fields, separated by commas.' })),
  },
  { additionalProperties: false },
);

/** Everything that only looks: one command, lists, statistics, the state of types. */
export function readRoutes(app: HttpApp, options: CommandRoutesOptions): void {
  listRoutes(app, options);
  statsRoutes(app, options);
  const schema = {
    tags: TAGS,
    summary: 'A command: its state, history, result or error',
    params: TaskIdParams,
    querystring: GetQuery,
    response: answers({ 200: ViewSchema }),
  };
  const waitMsMax = longestWaitMs(options);
  app.get('/commands/:taskId', { schema }, async (request, reply) => {
    const { wait = 0, fields } = request.query;
    const pick = fieldPicker(fields);
    const waitMs = Math.min(wait * 1_000, waitMsMax);
    const signal = waitMs > 0 ? goneSignal(reply) : undefined;
    return pick(await options.commands.get(request.params.taskId, { waitMs, signal }));
  });
}

function listRoutes(app: HttpApp, { commands }: CommandRoutesOptions): void {
  const schema = { tags: TAGS, querystring: ListQuery, response: answers({ 200: ViewPage }) };
  app.get('/commands', { schema: { ...schema, summary: 'Commands, newest first' } }, async (request) => {
    const pick = fieldPicker(request.query.fields);
    const { items, nextCursor } = await commands.list(filterOf(request.query));
    return { items: items.map(pick), nextCursor };
  });
  const summary = 'Commands that failed for good, newest first';
  app.get('/commands/dead-letters', { schema: { ...schema, summary } }, async (request) => {
    const pick = fieldPicker(request.query.fields);
    const { items, nextCursor } = await commands.deadLetters(filterOf(request.query));
    return { items: items.map(pick), nextCursor };
  });
}

function statsRoutes(app: HttpApp, { commands, clock }: CommandRoutesOptions): void {
  const stats = {
    tags: TAGS,
    summary: 'Ended commands by type: count and mean handler time in ms',
    querystring: Type.Object({ since: InstantQuery }, { additionalProperties: false }),
    response: answers({
      200: Type.Object({
        items: Type.Array(
          Type.Object({
            taskType: Type.String(),
            count: Type.Integer(),
            avgDuration: Type.Number(),
            statuses: Type.Record(Type.String(), Type.Integer()),
          }),
        ),
      }),
    }),
  };
  app.get('/commands/stats', { schema: stats }, async (request) => {
    const since = instantOf(request.query.since, 'since') ?? new Date(clock.now() - STATS_PERIOD_MS);
    return { items: await commands.stats(since) };
  });
  const types = {
    tags: TAGS,
    summary: 'The task types of this process: paused, waiting, running',
    response: answers({ 200: Type.Object({ items: Type.Array(TypeStateSchema) }) }),
  };
  app.get('/commands/types', { schema: types }, async () => ({ items: commands.snapshot().types }));
}

function filterOf({ fields, from, to, ...query }: Static<typeof ListQuery>): ListFilter {
  return {
    ...query,
    brief: isBrief(fields),
    createdFrom: instantOf(query.createdFrom, 'createdFrom') ?? instantOf(from, 'from'),
    createdTo: instantOf(query.createdTo, 'createdTo') ?? instantOf(to, 'to'),
  };
}
