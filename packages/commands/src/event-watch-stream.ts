import type { Store } from '@millrace/engines/store';
import type { CommandsSnapshot, EventMessage, WatchOptions } from './commands.ts';
import { BatchReader } from './event-batches.ts';
import type { EventHub } from './event-hub.ts';
import type { Position } from './event-message.ts';
import type { StreamSubscription } from './event-subscription.ts';

/**
 * How many commits a subscriber may fall behind, beyond where it began, before it is told to begin again from a
 * snapshot. Up to there it reads what it has missed from the store.
 */
export const LAG_BATCHES_MAX = 1_000;

export interface StreamWatchServices {
  readonly store: Store;
  readonly hub: EventHub;
  readonly snapshot: () => CommandsSnapshot;
  readonly lagBatchesMax?: number | undefined;
}

/**
 * The events of all commands: the stored ones after `lastEventId`, then live ones; without it only those that come from
 * now on. It ends when `signal` aborts and when the room stops.
 *
 * The subscription is there before the store is read, and every commit has the number after the last one's: what is in
 * memory is taken when it is the next, and anything else is read from the store.
 *
 * @throws TOO_MANY_SUBSCRIBERS
 */
export async function* watchStream(services: StreamWatchServices, options: WatchOptions): AsyncGenerator<EventMessage> {
  const { hub } = services;
  const subscription = hub.subscribeStream();
  const onAbort = () => subscription.close();
  options.signal?.addEventListener('abort', onAbort, { once: true });
  if (options.signal?.aborted === true) subscription.close();
  try {
    yield* follow(services, subscription, options.lastEventId);
  } finally {
    options.signal?.removeEventListener('abort', onAbort);
    hub.unsubscribeStream(subscription);
  }
}

async function* follow(
  services: StreamWatchServices,
  subscription: StreamSubscription,
  lastEventId: string | undefined,
): AsyncGenerator<EventMessage> {
  const reader = new BatchReader(services.store);
  const { newest } = await reader.bounds();
  subscription.newest = Math.max(subscription.newest, newest);
  let place =
    lastEventId === undefined ? whole(Math.min(newest, subscription.first - 1)) : await reader.placeOf(lastEventId);
  const lagMax = newest - (place?.seq ?? newest) + (services.lagBatchesMax ?? LAG_BATCHES_MAX);
  while (!subscription.closed) {
    if (place === undefined) {
      const end = await reader.end();
      place = whole(Math.max(end.seq, subscription.newest));
      services.hub.noteReset();
      yield { type: 'reset', id: end.id, snapshot: services.snapshot() };
      continue;
    }
    const live = subscription.take(place);
    if (live !== undefined) {
      yield* untilClosed(live.events, subscription);
      if (live.seq !== undefined) place = whole(live.seq);
      continue;
    }
    if (subscription.isStale) await lookAgain(subscription, reader);
    if (subscription.newest <= place.seq && place.index === Number.POSITIVE_INFINITY) {
      await subscription.bell.wait();
      continue;
    }
    const chunk = subscription.newest - place.seq > lagMax ? undefined : await reader.after(place);
    if (chunk !== undefined) yield* untilClosed(chunk.events, subscription);
    place = chunk?.position;
  }
}

async function lookAgain(subscription: StreamSubscription, reader: BatchReader): Promise<void> {
  subscription.isStale = false;
  subscription.newest = Math.max(subscription.newest, (await reader.bounds()).newest);
}

function* untilClosed(events: readonly EventMessage[], subscription: StreamSubscription): Generator<EventMessage> {
  for (const event of events) {
    if (subscription.closed) return;
    yield event;
  }
}

function whole(seq: number): Position {
  return { seq, index: Number.POSITIVE_INFINITY };
}
