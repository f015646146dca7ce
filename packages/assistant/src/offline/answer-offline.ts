import type { Clock } from '@millrace/kit';
import type { AssistantResult, ExtractedDate, ExtractOutput } from '../results.ts';
import { extract } from './extract.ts';

export interface OfflineInput {
  readonly text: string;
  /** What "tomorrow" is relative to. */
  readonly reference: Date;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** How many names or dates the message lists before it says how many more there are. */
const LISTED_MAX = 5;

/** Answers from the text itself, without a language model, and says so. The same text and instant give the same output. */
export async function answerOffline(input: OfflineInput): Promise<AssistantResult> {
  const output = await extract(input);
  return {
    message: describe(output),
    processedAt: new Date(input.clock.now()).toISOString(),
    output,
    provider: 'offline',
  };
}

function describe(output: ExtractOutput): string {
  const { counts } = output;
  const lines = [
    `Extracted offline, without a language model, from ${plural(counts.sentences, 'sentence')} (${plural(counts.words, 'word')}).`,
    output.keySentences.length === 0 ? '' : `Key points: ${output.keySentences.join(' ')}`,
    list('People', output.people),
    list('Places', output.places),
    list('Dates', output.dates.map(describeDate)),
  ];
  return lines.filter((line) => line !== '').join('\n');
}

function list(label: string, items: readonly string[]): string {
  if (items.length === 0) return '';
  const more = items.length > LISTED_MAX ? ` and ${items.length - LISTED_MAX} more` : '';
  return `${label}: ${items.slice(0, LISTED_MAX).join('; ')}${more}.`;
}

function describeDate(date: ExtractedDate): string {
  return `${date.text} (${date.until === undefined ? date.at : `${date.at} to ${date.until}`})`;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
