import { type Clock, type Logger, messageOf, TERMINAL_STATUSES, type Timer } from '@millrace/kit';
import type { Commands, TypeState } from '../commands.ts';

/** Time between two overviews, in ms. */
export const OVERVIEW_INTERVAL_MS = 1_000;
/** How far back ended commands are counted when the first viewer comes, in ms. */
const PERIOD_MS = 3_600_000;
/** The rate is taken over so many intervals. */
const RATE_INTERVALS = 5;
const MS_PER_SECOND = 1_000;

/** What the page shows, once a second. */
export interface Overview {
  readonly depth: number;
  readonly scheduled: number;
  readonly active: number;
  readonly queueAgeMs: number;
  readonly accepting: boolean;
  /** Since when the ended ones are counted. */
  readonly since: string;
  readonly ended: number;
  readonly statuses: Readonly<Record<string, number>>;
  readonly ratePerSecond: number;
  /** Mean handler time, in ms; `null` before anything has ended. */
  readonly meanMs: number | null;
  readonly types: readonly (TypeState & { readonly ended: number; readonly meanMs: number | null })[];
}

type Viewer = (overview: Overview) => void;

export interface OverviewFeedOptions {
  readonly commands: Pick<Commands, 'snapshot' | 'stats'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** One look a second for all viewers together; none while nobody looks. */
export class OverviewFeed {
  readonly #options: OverviewFeedOptions;
  readonly #viewers = new Set<Viewer>();
  #since = 0;
  #samples: { readonly at: number; readonly ended: number }[] = [];
  #latest: Overview | undefined;
  #timer: Timer | undefined;

  constructor(options: OverviewFeedOptions) {
    this.#options = options;
  }

  /** @returns takes the viewer off */
  add(viewer: Viewer): () => void {
    this.#viewers.add(viewer);
    if (this.#latest !== undefined) viewer(this.#latest);
    if (this.#viewers.size === 1 && this.#timer === undefined) void this.#look();
    return () => {
      this.#viewers.delete(viewer);
    };
  }

  async #look(): Promise<void> {
    const { clock, logger } = this.#options;
    this.#timer = clock.schedule(OVERVIEW_INTERVAL_MS, () => this.#again());
    try {
      const overview = await this.#overview();
      this.#latest = overview;
      for (const viewer of this.#viewers) viewer(overview);
    } catch (error) {
      logger.warn('The overview could not be read', { metadata: { reason: messageOf(error) } });
    }
  }

  #again(): void {
    this.#timer = undefined;
    if (this.#viewers.size > 0) {
      void this.#look();
      return;
    }
    this.#latest = undefined;
    this.#samples = [];
  }

  async #overview(): Promise<Overview> {
    const { commands, clock } = this.#options;
    const now = clock.now();
    if (this.#samples.length === 0 || now - this.#since > 2 * PERIOD_MS) {
      this.#since = now - PERIOD_MS;
      this.#samples = [];
    }
    const stats = await commands.stats(new Date(this.#since));
    const { types, ...snapshot } = commands.snapshot();
    const byType = new Map(stats.map((ofType) => [ofType.taskType, ofType]));
    const ended = stats.reduce((sum, { count }) => sum + count, 0);
    const workMs = stats.reduce((sum, { count, avgDuration }) => sum + count * avgDuration, 0);
    return {
      ...snapshot,
      since: new Date(this.#since).toISOString(),
      ended,
      statuses: Object.fromEntries(
        TERMINAL_STATUSES.map((status) => [status, stats.reduce((sum, of) => sum + (of.statuses[status] ?? 0), 0)]),
      ),
      ratePerSecond: this.#rate(ended),
      meanMs: ended === 0 ? null : workMs / ended,
      types: types.map((type) => {
        const ofType = byType.get(type.taskType);
        return { ...type, ended: ofType?.count ?? 0, meanMs: ofType?.avgDuration ?? null };
      }),
    };
  }

  #rate(ended: number): number {
    this.#samples.push({ at: this.#options.clock.monotonic(), ended });
    if (this.#samples.length > RATE_INTERVALS + 1) this.#samples.shift();
    const [first] = this.#samples;
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.at <= first.at) return 0;
    return Math.max(0, ((last.ended - first.ended) / (last.at - first.at)) * MS_PER_SECOND);
  }
}
