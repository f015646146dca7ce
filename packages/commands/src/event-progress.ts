import type { LeasedCommand } from './command.ts';

/** One value that a handler reported. */
export interface ProgressEntry {
  readonly run: number;
  readonly attempt: number;
  /** Ms since the epoch. */
  readonly at: number;
  /** Its JSON text: what the handler does to the value afterwards is not seen. */
  readonly text: string;
}

/** Values kept of one attempt. */
export const PROGRESS_VALUES_MAX = 256;

/** Characters of one value's JSON; a larger one is dropped and counted. */
export const PROGRESS_VALUE_CHARACTERS_MAX = 64 * 1024;

/** Characters kept of one attempt, and of all attempts together. */
export const PROGRESS_ATTEMPT_CHARACTERS_MAX = 1024 * 1024;
export const PROGRESS_CHARACTERS_MAX = 8 * 1024 * 1024;

/** Attempts whose progress is kept; past it the one that has reported first is forgotten. */
export const PROGRESS_ATTEMPTS_MAX = 10_000;

/**
 * The last values of one attempt. An array rather than the kit's `Ring`, because what is pushed out must be known: its
 * characters are given back to the common account. Shifting 256 entries costs less than a microsecond.
 */
class AttemptProgress {
  readonly lease: number;
  readonly entries: ProgressEntry[] = [];
  characters = 0;

  constructor(lease: number) {
    this.lease = lease;
  }

  push(entry: ProgressEntry): number {
    const before = this.characters;
    this.entries.push(entry);
    this.characters += entry.text.length;
    while (this.entries.length > PROGRESS_VALUES_MAX || this.characters > PROGRESS_ATTEMPT_CHARACTERS_MAX) {
      this.characters -= (this.entries.shift() as ProgressEntry).text.length;
    }
    return this.characters - before;
  }
}

/** What running handlers have reported lately, for subscribers that come late. Never stored, bounded as a whole. */
export class ProgressRings {
  readonly #byId = new Map<number, AttemptProgress>();
  #characters = 0;

  /** Values that were dropped because they are too large or no JSON. */
  refused = 0;

  /** Attempts whose values are kept. */
  get size(): number {
    return this.#byId.size;
  }

  /** Characters of JSON that are kept. */
  get characters(): number {
    return this.#characters;
  }

  /** @returns the entry, or `undefined` when the value was refused */
  add(command: LeasedCommand, value: unknown, at: number): ProgressEntry | undefined {
    const text = textOf(value);
    if (text === undefined) {
      this.refused += 1;
      return undefined;
    }
    const entry = { run: command.run, attempt: command.attempt, at, text };
    let ring = this.#byId.get(command.id);
    if (ring !== undefined && ring.lease > command.lease) return undefined;
    if (ring === undefined || ring.lease < command.lease) {
      this.drop(command.id);
      ring = new AttemptProgress(command.lease);
      this.#byId.set(command.id, ring);
    }
    this.#characters += ring.push(entry);
    this.#makeRoom();
    return entry;
  }

  of(id: number): readonly ProgressEntry[] {
    return this.#byId.get(id)?.entries ?? [];
  }

  drop(id: number): void {
    const ring = this.#byId.get(id);
    if (ring === undefined) return;
    this.#byId.delete(id);
    this.#characters -= ring.characters;
  }

  #makeRoom(): void {
    for (const id of this.#byId.keys()) {
      if (this.#byId.size <= PROGRESS_ATTEMPTS_MAX && this.#characters <= PROGRESS_CHARACTERS_MAX) return;
      this.drop(id);
    }
  }
}

function textOf(value: unknown): string | undefined {
  try {
    const text = JSON.stringify(value);
    return text === undefined || text.length > PROGRESS_VALUE_CHARACTERS_MAX ? undefined : text;
  } catch {
    return undefined;
  }
}
