import type { SubmitInput } from '@millrace/kit';
import { BROKEN_ATTEMPTS, DEMO_TYPES, FLAKY_SUCCEEDS_AT } from './demo-commands.ts';
import { assistantPayload, type DemoText, textAt } from './texts.ts';

/** Fewer would leave a type out. */
export const COMMANDS_MIN = 100;
export const COMMANDS_MAX = 1_000_000;
export const COMMANDS_DEFAULT = 20_000;

/** How each type must have ended when nothing was lost and nothing ran twice. */
export interface ExpectedType {
  readonly taskType: string;
  readonly count: number;
  readonly status: 'SUCCESS' | 'FAILURE';
  /** Handler starts of each command. */
  readonly attempts: number;
}

/** The commands of a run and what must become of them. */
export interface Workload {
  readonly count: number;
  readonly expected: readonly ExpectedType[];
  /** The same ones each time it is called. */
  inputs(): Iterable<SubmitInput>;
}

type Kind = 'assistant' | 'primes' | 'reminder' | 'flaky' | 'broken';

/** Of a hundred commands in a row, which are no texts for the assistant: spread, so that every batch has some of each. */
const PLACES: ReadonlyMap<number, Kind> = new Map([
  ...[5, 25, 45, 65, 85].map((place) => [place, 'reminder'] as const),
  ...[10, 40, 70].map((place) => [place, 'flaky'] as const),
  [50, 'primes'],
  [55, 'broken'],
]);
const PLACES_COUNT = 100;
/** 20,000 commands count the primes below 10,000,000: 200 ranges. More commands begin anew. */
const NUMBERS_PER_RANGE = 50_000;
const RANGES = 200;
const DELAY_MS_MIN = 1_000;
const DELAY_MS_STEPS = 3_001;
/** A prime, so that neighbours are spread over the whole range of delays. */
const DELAY_MS_STRIDE = 997;

/** `count` commands of five types, well mixed and always the same. */
export function createWorkload(count: number, texts: readonly DemoText[]): Workload {
  const kinds = Array.from({ length: count }, (_, index) => PLACES.get(index % PLACES_COUNT) ?? 'assistant');
  const expect = (kind: Kind, status: ExpectedType['status'], attempts: number): ExpectedType => {
    return { taskType: DEMO_TYPES[kind], count: kinds.filter((other) => other === kind).length, status, attempts };
  };
  return {
    count,
    expected: [
      expect('assistant', 'SUCCESS', 1),
      expect('primes', 'SUCCESS', 1),
      expect('reminder', 'SUCCESS', 1),
      expect('flaky', 'SUCCESS', FLAKY_SUCCEEDS_AT),
      expect('broken', 'FAILURE', BROKEN_ATTEMPTS),
    ],
    inputs: () => kinds.values().map((kind, index) => inputOf(kind, index, texts)),
  };
}

function inputOf(kind: Kind, index: number, texts: readonly DemoText[]): SubmitInput {
  const taskType = DEMO_TYPES[kind];
  const taskId = `demo-${String(index + 1).padStart(7, '0')}`;
  switch (kind) {
    case 'assistant':
      return { taskId, taskType, payload: assistantPayload(index, texts) };
    case 'primes': {
      const from = (Math.floor(index / PLACES_COUNT) % RANGES) * NUMBERS_PER_RANGE;
      return { taskId, taskType, payload: { from, to: from + NUMBERS_PER_RANGE } };
    }
    case 'reminder': {
      const delay = DELAY_MS_MIN + ((index * DELAY_MS_STRIDE) % DELAY_MS_STEPS);
      return { taskId, taskType, delay, payload: { about: textAt(index, texts).name } };
    }
    case 'flaky':
      return { taskId, taskType, payload: { cents: 100 + index } };
    case 'broken':
      return { taskId, taskType, payload: { feed: `feed-${index}.xml` } };
  }
}
