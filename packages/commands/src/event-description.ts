import type { CommandEvent } from '@millrace/kit';
import type { EndedAttempt } from './command.ts';
import type { EndEntry } from './commit-train.ts';
import { batchEventId, listEvents, stateEvent } from './event-message.ts';
import type { Arrived, Departure } from './sql/depart-train.ts';

interface Named {
  readonly taskId: string;
  readonly taskType: string;
}

/** Puts the events of a departure into words from what the train has in memory: as reading them back would. */
export function describeDeparture(
  arrived: Arrived,
  departure: Departure,
  ended: readonly EndEntry[],
): readonly CommandEvent[] {
  const names = new Map<number, Named>();
  const ends = new Map<number, EndedAttempt>();
  for (const { command } of departure.arrivals) names.set(command.id, command);
  const refused = new Set(arrived.refused);
  for (const [index, entry] of ended.entries()) {
    if (refused.has(index)) continue;
    names.set(entry.command.id, entry.command);
    ends.set(entry.command.id, entry.ended);
  }
  for (const command of arrived.expiry?.expired ?? []) names.set(command.id, command);
  for (const { commands, expired } of arrived.claims) {
    for (const command of commands) names.set(command.id, command);
    for (const command of expired) names.set(command.id, command);
  }
  const at = new Date(departure.now).toISOString();
  return listEvents(arrived.events).flatMap(({ kind, id: commandId, attempt }, index) => {
    const name = names.get(commandId);
    if (name === undefined) return [];
    const { taskId, taskType } = name;
    const isFailure = kind === 'retrying' || kind === 'failed' || kind === 'partial';
    const end = isFailure ? ends.get(commandId) : undefined;
    const id = batchEventId(arrived.seq, index);
    return [stateEvent({ id, kind, taskId, taskType, attempt, at, error: end?.error, nextAt: end?.dueAt })];
  });
}
