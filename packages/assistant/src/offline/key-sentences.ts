import { contentWords } from './words.ts';

/** Sentences in the summary at most. */
export const KEY_SENTENCES_MAX = 3;
/** One key sentence for about so many sentences of the text. */
const SENTENCES_PER_KEY = 4;
/** A sentence with fewer telling words (a greeting, a signature, a heading) is no key sentence if there is another. */
const WORDS_MIN = 4;
const SHORT_FACTOR = 0.3;
/** How much more the first sentence weighs than one in the middle: texts open with what they are about. */
const OPENING_BONUS = 0.35;
/** A number, a time or an amount makes a sentence more telling. */
const NUMBER_BONUS = 0.1;

/**
 * The sentences whose words the text uses most (frequency, dampened, per word), with a bonus for opening it; in the
 * order of the text. Linear, unlike a graph of all pairs, and on short texts as good.
 */
export function pickKeySentences(sentences: readonly string[]): string[] {
  const words = sentences.map(contentWords);
  const frequency = new Map<string, number>();
  for (const word of words.flat()) frequency.set(word, (frequency.get(word) ?? 0) + 1);
  const wanted = Math.min(KEY_SENTENCES_MAX, Math.max(1, Math.ceil(sentences.length / SENTENCES_PER_KEY)));
  return sentences
    .map((text, index) => ({ text, index, score: score(words[index] ?? [], frequency) * bonus(text, index) }))
    .sort((one, other) => other.score - one.score || one.index - other.index)
    .slice(0, wanted)
    .sort((one, other) => one.index - other.index)
    .map(({ text }) => text);
}

function score(words: readonly string[], frequency: ReadonlyMap<string, number>): number {
  if (words.length === 0) return 0;
  let sum = 0;
  for (const word of new Set(words)) sum += 1 + Math.log2(frequency.get(word) ?? 1);
  return (sum / Math.sqrt(words.length)) * (words.length < WORDS_MIN ? SHORT_FACTOR : 1);
}

function bonus(text: string, index: number): number {
  return 1 + (index === 0 ? OPENING_BONUS : 0) + (/\d/.test(text) ? NUMBER_BONUS : 0);
}
