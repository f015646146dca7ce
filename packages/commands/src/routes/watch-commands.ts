import { type EventStream, type HttpApp, openEventStream } from '@millrace/http';
import { isTerminal } from '@millrace/kit';
import { Type } from 'typebox';
import type { Commands, EventMessage } from '../commands.ts';
import { type CommandRoutesOptions, TAGS } from './route-options.ts';
import { TaskIdParams } from './schemas.ts';

const WatchQuery = Type.Object({
  lastEventId: Type.Optional(
    Type.String({ description: 'As the header Last-Event-ID, for clients that cannot set it.' }),
  ),
});

/** Tells an EventSource not to come back (WHATWG HTML §9.2.3). */
const NO_MORE = 204;

/** The longest look for more events of a command that had ended: it may just have been retried. */
const LOOK_MS = 1_000;

const config = { eventStream: true };
const schema = {
  tags: TAGS,
  description:
    'Server-sent events: `id` to resume after, `event` the type, `data` the event as JSON. Goes on after `Last-Event-ID`; ' +
    'an id too old is answered by `reset` with a snapshot. The stream of one command ends with it; who comes back with ' +
    'its last id is answered 204.',
  querystring: WatchQuery,
};

/** `GET /commands/:taskId/events` and `GET /commands/events`. */
export function watchRoutes(app: HttpApp, options: CommandRoutesOptions): void {
  const { commands } = options;
  const all = { ...schema, summary: 'The events of all commands' };
  app.get('/commands/events', { schema: all, config }, async (request, reply) => {
    const stream = openEventStream(request, reply);
    const { signal, lastEventId = request.query.lastEventId } = stream;
    await forward(commands.watch(undefined, { lastEventId, signal }), stream, options);
  });
  const one = { ...schema, params: TaskIdParams, summary: 'The events of one command' };
  app.get('/commands/:taskId/events', { schema: one, config }, async (request, reply) => {
    const { taskId } = request.params;
    const { status } = await commands.get(taskId);
    const { 'last-event-id': header = request.query.lastEventId } = request.headers;
    const resumed = typeof header === 'string' && header !== '' ? header : undefined;
    if (resumed !== undefined && isTerminal(status) && (await hasNoMore(commands, taskId, resumed))) {
      return reply.code(NO_MORE).send();
    }
    const stream = openEventStream(request, reply);
    const { signal, lastEventId = request.query.lastEventId } = stream;
    await forward(commands.watch(taskId, { lastEventId, signal }), stream, options);
    return reply;
  });
}

/** Whether the stream of a command that has ended says nothing after this id. */
async function hasNoMore(commands: Commands, taskId: string, lastEventId: string): Promise<boolean> {
  const events = commands.watch(taskId, { lastEventId, signal: AbortSignal.timeout(LOOK_MS) })[Symbol.asyncIterator]();
  const { done } = await events.next();
  await events.return?.();
  return done === true;
}

/** Sends events at the reader's pace until either side ends. The answer has begun: a failure can only close it. */
async function forward(
  events: AsyncIterable<EventMessage>,
  stream: EventStream,
  { logger }: CommandRoutesOptions,
): Promise<void> {
  try {
    for await (const event of events) {
      if (!stream.send({ id: event.id, event: event.type, data: event })) break;
      await stream.drained();
    }
  } catch (error) {
    if (!stream.signal.aborted) logger.warn('A stream of command events broke off', { error });
  } finally {
    stream.close();
  }
}
