import type { Store } from '@millrace/engines/store';
import type { Clock, CommandView } from '@millrace/kit';
import type { LeasedCommand } from './command.ts';
import type { CommandsSnapshot, EventMessage, WatchOptions } from './commands.ts';
import type { EndEntry } from './commit-train.ts';
import { describeDeparture } from './event-description.ts';
import { EventHub, type EventStats } from './event-hub.ts';
import { watchCommand } from './event-watch-command.ts';
import { watchStream } from './event-watch-stream.ts';
import type { Arrived, Departure } from './sql/depart-train.ts';
import type { EventBatch } from './sql/record-events.ts';

export interface EventsOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** True when no other process writes to the store. */
  readonly alone: boolean;
  /** The state that the stream of all commands begins again from. */
  readonly snapshot: () => CommandsSnapshot;
  /** The state that the stream of one command begins again from. */
  readonly view: (taskId: string) => Promise<CommandView>;
  /** Default `SUBSCRIBERS_MAX`. */
  readonly subscribersMax?: number | undefined;
  /** Default `LIVE_EVENTS_MAX`. */
  readonly liveEventsMax?: number | undefined;
  /** Default `LAG_BATCHES_MAX`. */
  readonly lagBatchesMax?: number | undefined;
}

/**
 * The streams of events. The store is the truth of both: one command's events are derived from its row and its attempts
 * (`event-history.ts`), those of all commands from one row per commit (`sql/record-events.ts`). The hub only says that
 * there is more, and spares reading back what is in memory anyway.
 */
export class Events {
  readonly #options: EventsOptions;
  readonly #hub: EventHub;

  constructor(options: EventsOptions) {
    this.#options = options;
    this.#hub = new EventHub(options);
  }

  /** See `Commands.watch`. The subscription begins with the first `next`. */
  watch(taskId: string | undefined, options: WatchOptions = {}): AsyncGenerator<EventMessage> {
    const services = { ...this.#options, hub: this.#hub };
    return taskId === undefined ? watchStream(services, options) : watchCommand(services, taskId, options);
  }

  /** A departure of the train is durable. */
  onDeparture(arrived: Arrived, departure: Departure, ended: readonly EndEntry[]): void {
    this.#hub.publish(arrived.seq, arrived.events, () => describeDeparture(arrived, departure, ended));
  }

  /** Another commit with events is durable: an operator's act, a rescue. Its words are read back. */
  onStored({ seq, events }: { readonly seq: number; readonly events: EventBatch }): void {
    this.#hub.publish(seq, events);
  }

  progress(command: LeasedCommand, value: unknown): void {
    this.#hub.progress(command, value);
  }

  stats(): EventStats {
    return this.#hub.stats();
  }

  /** Ends every stream; subscribers come back with their last id. */
  close(): void {
    this.#hub.close();
  }
}
