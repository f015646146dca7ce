/**
 * What scenarios, rivals and the runner agree on. A scenario is a list of variants; the runner starts every variant of
 * every round in a process of its own, which prints one `VariantReport` as one JSON line.
 */

/** Percentiles of a latency in milliseconds. */
export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** A condition that must hold for the run to count; `held: false` makes the whole run invalid. */
export interface Check {
  readonly name: string;
  readonly held: boolean;
  readonly detail: string;
}

/** What one run of one variant found. */
export interface Measurement {
  /** Numbers by name, with the unit in the name: `perSecond`, `seconds`, `rssMaxMb`, `startMsP99`, … */
  readonly metrics: Readonly<Record<string, number>>;
  readonly latencyMs?: Percentiles;
  readonly checks: readonly Check[];
  /** Versions of what ran beside Node: servers and libraries. */
  readonly versions: Readonly<Record<string, string>>;
  /** What a reader must know to compare: durability, whether results are kept, how many clients. */
  readonly notes?: readonly string[];
}

/** How big a run is: `tiny` only proves that the scenario still works, `quick` measures all of them in a quarter of an hour. */
export type Size = 'tiny' | 'quick' | 'full';

export interface RunContext {
  readonly size: Size;
  /** Seconds of load; `--seconds` overrides the scenario's own. */
  readonly seconds: number | undefined;
}

export interface Variant {
  readonly name: string;
  /** Why it cannot run here, or `undefined` when it can. */
  readonly skip?: () => string | undefined;
  /** The sizes that leave it out, because another variant of theirs runs the same code; naming it by `--variant` runs it. */
  readonly leftOutOf?: readonly Size[];
  readonly run: (context: RunContext) => Promise<Measurement>;
}

/** A number that the project wants to reach. */
export interface Target {
  readonly text: string;
  readonly variant: string;
  readonly metric: string;
  /** Divided by this variant's same metric of the same round; absent: an absolute number. */
  readonly relativeTo?: string;
  /** Whether every run must reach it; default: the median. */
  readonly always?: boolean;
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface Scenario {
  readonly name: string;
  /** The metric of the ratio table; more is better unless `lessIsBetter`. */
  readonly metric: string;
  readonly lessIsBetter?: boolean;
  /** The variant that the others are divided by. */
  readonly baseline: string;
  readonly variants: readonly Variant[];
  readonly targets: readonly Target[];
  /** Whether one run takes so long that a full benchmark runs it once, not `--rounds` times. */
  readonly once?: boolean;
}

/** The line that a variant's process prints. */
export type VariantReport =
  | { readonly kind: 'measured'; readonly measurement: Measurement }
  | { readonly kind: 'skipped'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string };

export function check(name: string, held: boolean, detail: string): Check {
  return { name, held, detail };
}
