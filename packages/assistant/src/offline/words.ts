const WORD = /[\p{L}\p{N}][\p{L}\p{M}\p{N}'’-]*/gu;

/** Words that say nothing about what a text is about. */
const FUNCTION_WORDS: ReadonlySet<string> = new Set(
  `a about after again all also am an and any are as at be because been before being both but by can could did do does
  doing for from further had has have having he her here hers him his how i if in into is it its itself just me more
  most my no nor not now of off on once only or other our ours out over own same she should so some such than that the
  their theirs them then there these they this those through to too under until up us very was we were what when where
  which while who whom why will with would you your yours`.split(/\s+/),
);

/** How many words a text has: runs of letters and digits. */
export function countWords(text: string): number {
  return text.match(WORD)?.length ?? 0;
}

/** The lower-cased words of a text that carry its meaning. */
export function contentWords(text: string): string[] {
  return (text.toLowerCase().match(WORD) ?? []).filter((word) => word.length > 2 && !FUNCTION_WORDS.has(word));
}
