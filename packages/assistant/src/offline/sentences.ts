/** A longer sentence is cut at white space: what follows is quadratic in its length in the worst case. */
export const SENTENCE_CHARS_MAX = 600;

/** Unicode's sentence rules (UAX 29) end a sentence after these; English does not. */
const ABBREVIATION =
  /(?:^|[\s(“"])(?:Mrs?|Ms|Dr|Prof|St|Jr|Sr|Gen|Col|Capt|Lt|Rev|Hon|Inc|Ltd|vs|approx|e\.g|i\.e|\p{Lu})\.\s*$/u;

const segmenter = new Intl.Segmenter('en', { granularity: 'sentence' });

/**
 * Splits a text into trimmed sentences; never longer than `SENTENCE_CHARS_MAX`. A line break ends one, unless the next
 * line goes on in lower case (wrapped text).
 */
export function splitSentences(text: string): string[] {
  const unwrapped = text.replace(/\r\n?/g, '\n').replace(/([^\n])\n(?=\p{Ll})/gu, '$1 ');
  const sentences: string[] = [];
  let open = '';
  for (const { segment } of segmenter.segment(unwrapped)) {
    open += segment;
    if (ABBREVIATION.test(open.slice(-ABBREVIATION_CHARS_MAX)) && open.length < SENTENCE_CHARS_MAX) continue;
    pushBounded(sentences, open);
    open = '';
  }
  pushBounded(sentences, open);
  return sentences;
}

const ABBREVIATION_CHARS_MAX = 12;

function pushBounded(sentences: string[], raw: string): void {
  let rest = raw.trim().replace(/\s+/g, ' ');
  while (rest.length > SENTENCE_CHARS_MAX) {
    const space = rest.lastIndexOf(' ', SENTENCE_CHARS_MAX);
    const end = space > 0 ? space : wholeCharacters(rest, SENTENCE_CHARS_MAX);
    sentences.push(rest.slice(0, end));
    rest = rest.slice(end).trimStart();
  }
  if (rest !== '') sentences.push(rest);
}

/** Where to cut so that no surrogate pair (an emoji, say) is cut in two. */
function wholeCharacters(text: string, end: number): number {
  return /[\uD800-\uDBFF]/.test(text[end - 1] ?? '') ? end - 1 : end;
}
