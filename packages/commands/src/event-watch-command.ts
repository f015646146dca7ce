import type { Store } from '@millrace/engines/store';
import type { CommandView } from '@millrace/kit';
import type { EventMessage, WatchOptions } from './commands.ts';
import { commandsError } from './errors.ts';
import { type History, historyOf } from './event-history.ts';
import { type EventHub, progressEvent } from './event-hub.ts';
import type { CommandSubscription } from './event-subscription.ts';
import { type HistoryRow, READ_COMMAND_ID, READ_HISTORY } from './sql/read-events.ts';

export interface CommandWatchServices {
  readonly store: Store;
  readonly hub: EventHub;
  readonly view: (taskId: string) => Promise<CommandView>;
}

/**
 * The events of one command: the stored ones after `lastEventId`, then live ones, with what its handler reports in
 * between. It ends with the end of the current run, when the command is forgotten, and when `signal` aborts.
 *
 * Being told of a commit means reading the history again, so there is nothing that could be missed or come twice, and
 * a slow reader costs no memory: state events wait in the store, progress in a ring.
 *
 * @throws COMMAND_NOT_FOUND, TOO_MANY_SUBSCRIBERS
 */
export async function* watchCommand(
  services: CommandWatchServices,
  taskId: string,
  options: WatchOptions,
): AsyncGenerator<EventMessage> {
  const { hub, store } = services;
  const [found] = await store.lookup<{ id: number }>(READ_COMMAND_ID, taskId);
  if (found === undefined) throw commandsError('COMMAND_NOT_FOUND', { details: { taskId } });
  const subscription = hub.subscribeCommand(found.id);
  const onAbort = () => subscription.close();
  options.signal?.addEventListener('abort', onAbort, { once: true });
  if (options.signal?.aborted === true) subscription.close();
  try {
    yield* follow(services, { taskId, subscription, lastEventId: options.lastEventId });
  } finally {
    options.signal?.removeEventListener('abort', onAbort);
    hub.unsubscribeCommand(subscription);
  }
}

interface Following {
  readonly taskId: string;
  readonly subscription: CommandSubscription;
  readonly lastEventId: string | undefined;
}

async function* follow(services: CommandWatchServices, following: Following): AsyncGenerator<EventMessage> {
  const { taskId, subscription, lastEventId } = following;
  let sent: number | undefined;
  let taskType = '';
  for (let history: History | undefined; !subscription.closed; ) {
    if (subscription.isStale) {
      subscription.isStale = false;
      const rows = await services.store.lookup<HistoryRow>(READ_HISTORY, subscription.id);
      if (rows[0] === undefined) return;
      taskType = rows[0].taskType;
      history = historyOf(rows as [HistoryRow, ...HistoryRow[]]);
      if (sent === undefined) {
        sent = placeOf(lastEventId, history);
        if (sent === undefined) {
          sent = history.events.at(-1)?.ordinal ?? 0;
          services.hub.noteReset();
          yield { type: 'reset', id: String(sent), snapshot: await services.view(taskId) };
        }
      }
      for (const { ordinal, run, isEnd, event } of history.events) {
        if (subscription.closed) return;
        if (ordinal <= sent) continue;
        if (isEnd) yield* progressUpTo(subscription, { taskId, taskType, run, attempt: event.attempt });
        yield event;
        sent = ordinal;
      }
      if (history.isOver) return;
    }
    // What a later attempt reports waits until its start has been told.
    if (history !== undefined) yield* progressUpTo(subscription, { taskId, taskType, ...history });
    if (!subscription.closed) await subscription.bell.wait();
  }
}

/** @returns `undefined` when the id is none of this history's */
function placeOf(lastEventId: string | undefined, history: History): number | undefined {
  if (lastEventId === undefined) return 0;
  if (!/^\d{1,9}$/.test(lastEventId)) return undefined;
  const ordinal = Number(lastEventId);
  return ordinal <= history.ordinalMax ? ordinal : undefined;
}

interface Until {
  readonly taskId: string;
  readonly taskType: string;
  readonly run: number;
  readonly attempt: number;
}

function* progressUpTo(subscription: CommandSubscription, until: Until): Generator<EventMessage> {
  for (const entry of subscription.takeProgress(until.run, until.attempt)) {
    yield progressEvent(until.taskId, until.taskType, entry);
  }
}
