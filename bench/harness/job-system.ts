/** A no-op command as the bench submits it: the handler answers `{ ok: true, n }`. */
export interface BenchItem {
  readonly id: string;
  readonly n: number;
}

/** Called by every rival's handler; counting starts is how a second run of the same command is found. */
export interface StartObserver {
  readonly started: (n: number) => void;
}

/** A queue with its worker, as the bench drives it. Each rival is one function that opens one. */
export interface JobSystem {
  readonly versions: Readonly<Record<string, string>>;
  /** Durability and tuning in words, for the report. */
  readonly notes: readonly string[];
  /** Processes that the system needs; their children count too. */
  readonly memoryRoots: readonly number[];
  /** Resolves once all items are stored as durably as the notes say. */
  submit(items: readonly BenchItem[]): Promise<void>;
  startWorkers(): Promise<void>;
  /** Resolves once this many commands in all have ended and their results, if kept, can be read. */
  untilEnded(count: number): Promise<void>;
  /** How many of the items have exactly the result that they must have; `undefined` when results are not kept. */
  countResults(items: readonly BenchItem[]): Promise<number | undefined>;
  stop(): Promise<void>;
}

export type OpenJobSystem = (observer: StartObserver) => Promise<JobSystem>;

export type IdOrder = 'ascending' | 'random';
