import type { Clock, CommandEvent, Timer } from '@millrace/kit';
import type { LeasedCommand } from './command.ts';
import { commandsError } from './errors.ts';
import { countEvents } from './event-message.ts';
import { type ProgressEntry, ProgressRings } from './event-progress.ts';
import { CommandSubscription, LIVE_EVENTS_MAX, StreamSubscription } from './event-subscription.ts';
import type { EventBatch, StoredEventKind } from './sql/record-events.ts';

/** Streams of events that may be open at once; past it a new one is refused. */
export const SUBSCRIBERS_MAX = 10_000;

/** How often the store is looked at where other processes may write to it, in ms. */
export const POLL_MS = 1_000;

/** Counters of the streams of events, for gauges. */
export interface EventStats {
  readonly commandSubscribers: number;
  readonly streamSubscribers: number;
  readonly subscribersMax: number;
  /** Commits whose events were put into words in memory: none while nobody listens to all commands. */
  readonly described: number;
  /** Subscribers that were told to begin again from a snapshot. */
  readonly resets: number;
  readonly progressCommands: number;
  readonly progressCharacters: number;
  readonly progressRefused: number;
}

export interface EventHubOptions {
  readonly clock: Clock;
  /** True when no other process writes to the store: then nothing is polled. */
  readonly alone: boolean;
  readonly subscribersMax?: number | undefined;
  readonly liveEventsMax?: number | undefined;
}

/**
 * Tells subscribers of what has been committed. It is no source of truth: the store is. A subscriber of one command is
 * told that there is more to read; one of all commands gets the events of a commit from memory when it has seen all
 * before them, and reads the store otherwise. So an announcement that comes late, twice, out of order or not at all
 * costs time, never an event.
 */
export class EventHub {
  readonly #options: EventHubOptions;
  readonly #commands = new Map<number, Set<CommandSubscription>>();
  readonly #streams = new Set<StreamSubscription>();
  readonly #rings = new ProgressRings();
  #commandCount = 0;
  #closed = false;
  #described = 0;
  #resets = 0;
  #poll: Timer | undefined;

  constructor(options: EventHubOptions) {
    this.#options = options;
  }

  stats(): EventStats {
    return {
      commandSubscribers: this.#commandCount,
      streamSubscribers: this.#streams.size,
      subscribersMax: this.#subscribersMax(),
      described: this.#described,
      resets: this.#resets,
      progressCommands: this.#rings.size,
      progressCharacters: this.#rings.characters,
      progressRefused: this.#rings.refused,
    };
  }

  /** @throws TOO_MANY_SUBSCRIBERS */
  subscribeCommand(id: number): CommandSubscription {
    this.#admit();
    const subscription = new CommandSubscription(id, this.#rings.of(id));
    const known = this.#commands.get(id);
    if (known === undefined) this.#commands.set(id, new Set([subscription]));
    else known.add(subscription);
    this.#commandCount += 1;
    if (this.#closed) subscription.close();
    this.#pollLater();
    return subscription;
  }

  /** @throws TOO_MANY_SUBSCRIBERS */
  subscribeStream(): StreamSubscription {
    this.#admit();
    const subscription = new StreamSubscription(this.#options.liveEventsMax ?? LIVE_EVENTS_MAX);
    this.#streams.add(subscription);
    if (this.#closed) subscription.close();
    this.#pollLater();
    return subscription;
  }

  unsubscribeCommand(subscription: CommandSubscription): void {
    const known = this.#commands.get(subscription.id);
    if (known?.delete(subscription) !== true) return;
    this.#commandCount -= 1;
    if (known.size === 0) this.#commands.delete(subscription.id);
    this.#pollNoMore();
  }

  unsubscribeStream(subscription: StreamSubscription): void {
    this.#streams.delete(subscription);
    this.#pollNoMore();
  }

  /**
   * Announces the events of a commit. While nobody listens it costs nothing.
   *
   * @param describe their words, asked for only when somebody who listens to all commands has room; else they are read back
   */
  publish(seq: number, batch: EventBatch, describe?: () => readonly CommandEvent[]): void {
    if (this.#commandCount > 0 || this.#rings.size > 0) this.#wakeCommands(batch);
    if (this.#streams.size === 0 || seq === 0) return;
    const count = countEvents(batch);
    const events = this.#streams.values().some((subscription) => subscription.hasRoom(count))
      ? describe?.()
      : undefined;
    if (events !== undefined) this.#described += 1;
    for (const subscription of this.#streams) subscription.announce(seq, events);
  }

  /** Passes on what a handler has reported. */
  progress(command: LeasedCommand, value: unknown): void {
    const entry = this.#rings.add(command, value, this.#options.clock.now());
    if (entry === undefined) return;
    for (const subscription of this.#commands.get(command.id) ?? []) subscription.addProgress(entry);
    if (this.#streams.size === 0) return;
    const event = progressEvent(command.taskId, command.taskType, entry);
    for (const subscription of this.#streams) subscription.addProgress(event);
  }

  noteReset(): void {
    this.#resets += 1;
  }

  /** Ends every stream. */
  close(): void {
    this.#closed = true;
    this.#poll?.cancel();
    for (const subscription of this.#everyone()) subscription.close();
  }

  #wakeCommands(batch: EventBatch): void {
    for (const kind in batch) {
      const flat = batch[kind as StoredEventKind] ?? [];
      const isEnd = kind !== 'queued' && kind !== 'started';
      for (let at = 0; at < flat.length; at += 2) {
        const id = flat[at] as number;
        for (const subscription of this.#commands.get(id) ?? []) subscription.refresh();
        if (isEnd) this.#rings.drop(id);
      }
    }
  }

  #admit(): void {
    const limit = this.#subscribersMax();
    if (this.#commandCount + this.#streams.size < limit) return;
    throw commandsError('TOO_MANY_SUBSCRIBERS', { details: { limit }, retryAfterMs: 1_000 });
  }

  #subscribersMax(): number {
    return this.#options.subscribersMax ?? SUBSCRIBERS_MAX;
  }

  /** What other processes commit is announced by nobody. */
  #pollLater(): void {
    if (this.#options.alone || this.#closed || this.#poll !== undefined) return;
    this.#poll = this.#options.clock.schedule(POLL_MS, () => {
      this.#poll = undefined;
      for (const subscription of this.#everyone()) subscription.refresh();
      if (this.#commandCount + this.#streams.size > 0) this.#pollLater();
    });
  }

  #pollNoMore(): void {
    if (this.#commandCount + this.#streams.size > 0) return;
    this.#poll?.cancel();
    this.#poll = undefined;
  }

  *#everyone(): Iterable<CommandSubscription | StreamSubscription> {
    yield* this.#streams;
    for (const subscriptions of this.#commands.values()) yield* subscriptions;
  }
}

export function progressEvent(taskId: string, taskType: string, entry: ProgressEntry): CommandEvent {
  return {
    type: 'command.progress',
    taskId,
    taskType,
    status: 'RUNNING',
    attempt: entry.attempt,
    at: new Date(entry.at).toISOString(),
    progress: JSON.parse(entry.text) as unknown,
  };
}
