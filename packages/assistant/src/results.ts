/** What EXECUTE_ASSISTANT ends with. */
export interface AssistantResult {
  /** The answer: the model's text, or the offline summary. */
  readonly message: string;
  /** ISO 8601 instant at which the answer was ready. */
  readonly processedAt: string;
  readonly output: CompletionOutput | ExtractOutput;
  /** Who answered. */
  readonly provider: 'openai-compatible' | 'offline';
}

/** Tokens as the provider counted them; `null` where it did not say. */
export interface CompletionUsage {
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  readonly totalTokens: number | null;
}

/** `output` of an answer by a model. */
export interface CompletionOutput {
  readonly text: string;
  /** The model that answered, as the provider names it. */
  readonly model: string;
  /** `stop`, or `length` when the answer was cut at the token limit, `content-filter`, `tool-calls`, `other`. */
  readonly finishReason: string;
  readonly usage: CompletionUsage;
}

/** `output` of the offline extractor. */
export interface ExtractOutput {
  /** The most telling sentences, in the order of the text. */
  readonly keySentences: readonly string[];
  readonly people: readonly string[];
  readonly places: readonly string[];
  readonly dates: readonly ExtractedDate[];
  readonly counts: TextCounts;
}

/** How much of a date the text gives; what is finer than that in `at` is the beginning of the period. */
export type DatePrecision = 'minute' | 'daypart' | 'day' | 'month' | 'year';

export interface ExtractedDate {
  /** The words as they stand in the text. */
  readonly text: string;
  /** ISO 8601 instant in UTC. */
  readonly at: string;
  /** ISO 8601 instant in UTC; only for ranges. */
  readonly until?: string;
  readonly precision: DatePrecision;
}

export interface TextCounts {
  /** UTF-16 code units. */
  readonly characters: number;
  readonly words: number;
  readonly sentences: number;
  readonly paragraphs: number;
}
