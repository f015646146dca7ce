import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ExtractOutput } from '../results.ts';
import { createDateFinder } from './dates.ts';
import { pickKeySentences } from './key-sentences.ts';
import { createNameFinder } from './names.ts';
import { splitSentences } from './sentences.ts';
import { countWords } from './words.ts';

/** Text is worked through in pieces of about this many characters, and other work gets its turn between them. */
const CHUNK_CHARS = 1000;

export interface ExtractInput {
  readonly text: string;
  readonly reference: Date;
  readonly signal: AbortSignal;
}

/** Finds key sentences, people, places and dates in a text. Deterministic; time grows linearly with the text. */
export async function extract(input: ExtractInput): Promise<ExtractOutput> {
  const sentences = splitSentences(input.text);
  const names = createNameFinder();
  const dates = createDateFinder(input.reference);
  let words = 0;
  for (const [index, chunk] of chunksOf(sentences).entries()) {
    if (index > 0) {
      await nextTurn();
      input.signal.throwIfAborted();
    }
    names.read(chunk);
    dates.read(chunk.join('\n'));
    for (const sentence of chunk) words += countWords(sentence);
  }
  return {
    keySentences: pickKeySentences(sentences),
    ...names.result(),
    dates: dates.result(),
    counts: {
      characters: input.text.length,
      words,
      sentences: sentences.length,
      paragraphs: input.text.split(/\n\s*\n/).filter((paragraph) => paragraph.trim() !== '').length,
    },
  };
}

function chunksOf(sentences: readonly string[]): string[][] {
  const chunks: string[][] = [];
  let size = CHUNK_CHARS;
  for (const sentence of sentences) {
    if (size + sentence.length > CHUNK_CHARS) {
      chunks.push([]);
      size = 0;
    }
    chunks.at(-1)?.push(sentence);
    size += sentence.length;
  }
  return chunks;
}
