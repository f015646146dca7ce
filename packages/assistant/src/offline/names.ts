import nlp from 'compromise/two';

/*
 * Who and where. Tagging every word of a text with compromise costs 2 to 5 ms for 80 words, most of it in its grammar
 * rules. Names are capitalised, so only the runs of capitalised words are looked up, and only in compromise's lexicon
 * (first and last names, titles, cities, countries, regions); the little grammar that names need is here. That costs
 * a tenth and loses names written in lower case.
 */

/** Names of each kind in one result at most. */
export const NAMES_MAX = 50;
/** Different capitalised runs looked at in one text at most. */
const RUNS_MAX = 2000;
/** Words in one run at most: longer ones are headlines. */
const RUN_WORDS_MAX = 8;

const RUN = /\p{Lu}[\p{L}\p{M}'’-]*\.?(?: (?:(?:van|von|der|de|da|di|of|la|bin|al) ){0,2}\p{Lu}[\p{L}\p{M}'’-]*\.?)*/gu;
const POSSESSIVE = /['’]s?$/;
const PARTICLE = /^(?:van|von|der|de|da|di|la|bin|al)$/;
const INITIAL = /^\p{Lu}$/u;
/** A run that compromise does not know is a person's name when the next word is what only people do. */
const DONE_BY_PEOPLE =
  /^ (?:said|says|asked|asks|wrote|told|reported|confirmed|agreed|noted|explained|suggested|replied|promised|offered|volunteered|thanked|complained|apologi[sz]ed|noticed|wants|expects|thinks|writes)\b/;
/** A run that compromise does not know is a place when what stands before it asks for one. */
const PLACE_ASKED =
  /\b(?:near|around|(?:trip|train|flight|flew|travel|travelled|moved|drive|drove) (?:to|from)|(?:meet|meets|met|lives?|lived|based|born|arrives?|arrived|landed|office|station|conference|warehouse|change) in) $/;
/** How far around a run those words are looked for, in characters. */
const CLUE_CHARS = 20;
/** Upper-case short forms that the lexicon, which ignores case, takes for other words. */
const SHORT_PLACES: ReadonlySet<string> = new Set(['US', 'USA', 'UK', 'EU', 'UAE']);

const NEVER_IN_NAMES = [
  'Date',
  'Pronoun',
  'Determiner',
  'Conjunction',
  'Preposition',
  'Value',
  'Organization',
] as const;

interface Term {
  readonly text: string;
  readonly post: string;
  readonly tags: ReadonlySet<string>;
}

type Kind = 'title' | 'name' | 'place' | 'unknown' | 'particle' | 'common' | 'other';
/** What the words around an unknown run say of it. */
type Clue = 'person' | 'place' | undefined;

export interface NameFinder {
  /** Reads the next sentences of the text. */
  read(sentences: readonly string[]): void;
  result(): { readonly people: readonly string[]; readonly places: readonly string[] };
}

/** Finds people and places in English text. */
export function createNameFinder(): NameFinder {
  const seen = new Set<string>();
  const people = new Set<string>();
  const places = new Set<string>();
  return {
    read(sentences) {
      const runs = newRuns(sentences, seen);
      if (runs.size === 0) return;
      const view = nlp.tokenize([...runs.keys()].join('\n')).compute(['normal', 'machine', 'lexicon']);
      for (const terms of view.docs as unknown as Term[][]) {
        const clue = terms.every((term) => kindOf(term) === 'unknown') ? runs.get(textOf(terms)) : undefined;
        const spans = clue === undefined ? spansOf(terms) : [{ kind: clue, text: textOf(terms) }];
        for (const span of spans) addBounded(span.kind === 'place' ? places : people, span.text);
      }
    },
    result: () => ({ people: withoutParts([...people]), places: [...places] }),
  };
}

/** The capitalised runs not seen before, each with what its surroundings say of it. */
function newRuns(sentences: readonly string[], seen: Set<string>): Map<string, Clue> {
  const runs = new Map<string, Clue>();
  for (const sentence of sentences) {
    for (const match of sentence.matchAll(RUN)) {
      const words = match[0].split(' ').map((word) => word.replace(POSSESSIVE, ''));
      const run = words.slice(0, RUN_WORDS_MAX).join(' ').replace(/\.$/, '');
      if (seen.has(run) || seen.size >= RUNS_MAX) continue;
      seen.add(run);
      runs.set(run, clueFor(words.length, sentence, match));
    }
  }
  return runs;
}

function clueFor(words: number, sentence: string, match: RegExpExecArray): Clue {
  const end = match.index + match[0].length;
  if (words >= 2 && DONE_BY_PEOPLE.test(sentence.slice(end, end + CLUE_CHARS))) return 'person';
  if (PLACE_ASKED.test(sentence.slice(Math.max(0, match.index - CLUE_CHARS), match.index))) return 'place';
  return undefined;
}

interface Span {
  readonly kind: 'person' | 'place';
  readonly text: string;
}

function spansOf(terms: readonly Term[]): Span[] {
  const kinds = terms.map(kindOf);
  const spans: Span[] = [];
  for (let start = 0; start < terms.length; ) {
    const end = Math.max(personEnd(kinds, terms, start), placeEnd(kinds, start), start + 1);
    const kind = kinds[start] === 'place' ? 'place' : 'person';
    if (end > start + 1 || kinds[start] === 'place' || kinds[start] === 'name') {
      const text = textOf(terms.slice(hyphenStart(terms, start), end));
      if (text.length > 1) spans.push({ kind, text });
    }
    start = end;
  }
  return spans;
}

/**
 * Where a name that begins at `start` ends: a title or a name, then names, unknown words, places ("Jack London"),
 * initials; a common word only right at the second place ("David Brown").
 */
function personEnd(kinds: readonly Kind[], terms: readonly Term[], start: number): number {
  if (!beginsName(kinds, terms, start)) return start;
  let end = start;
  for (let at = start + 1; at < kinds.length; at++) {
    const kind = kinds[at];
    if (kind === 'other' || kind === 'title') break;
    if (kind === 'common' && at > start + 1) break;
    if (kind !== 'particle') end = at;
  }
  return end === start && kinds[start] !== 'name' ? start : end + 1;
}

function beginsName(kinds: readonly Kind[], terms: readonly Term[], start: number): boolean {
  const kind = kinds[start];
  if (kind === 'title' || kind === 'name') return true;
  if (kind !== 'unknown') return false;
  // "Kenji Tanaka": an unknown word before a known last name is its first name.
  return terms[start + 1]?.tags.has('LastName') === true || startsWithInitials(kinds, terms, start);
}

/** "J. R. Tolkien": initials count as a name only before a word that may be one. */
function startsWithInitials(kinds: readonly Kind[], terms: readonly Term[], start: number): boolean {
  let at = start;
  while (at < terms.length && INITIAL.test(terms[at]?.text ?? '') && terms[at]?.post.startsWith('.')) at++;
  return at > start && (kinds[at] === 'unknown' || kinds[at] === 'name');
}

function placeEnd(kinds: readonly Kind[], start: number): number {
  let end = start;
  while (kinds[end] === 'place') end++;
  return end;
}

/** "Jean-Luc": the lexicon knows the second half; the name begins with the first. */
function hyphenStart(terms: readonly Term[], start: number): number {
  let from = start;
  while (from > 0 && terms[from - 1]?.post === '-') from--;
  return from;
}

function kindOf(term: Term): Kind {
  const { tags, text } = term;
  if (SHORT_PLACES.has(text)) return 'place';
  if (PARTICLE.test(text)) return 'particle';
  if (tags.has('Honorific') || tags.has('Actor')) return 'title';
  if (tags.has('Place')) return 'place';
  if (tags.has('Person')) return 'name';
  if (tags.size === 0 && text !== '') return 'unknown';
  return NEVER_IN_NAMES.some((tag) => tags.has(tag)) ? 'other' : 'common';
}

function textOf(terms: readonly Term[]): string {
  const text = terms.map((term) => term.text + (term.post || ' ')).join('');
  return text.trim().replace(/[\s,;:.\-–]+$/u, '');
}

function addBounded(names: Set<string>, name: string): void {
  if (names.size < NAMES_MAX) names.add(name);
}

/** "Maria" says nothing new beside "Maria Keller". */
function withoutParts(names: readonly string[]): string[] {
  const longer = names.filter((name) => name.includes(' '));
  return names.filter((name) => !longer.some((other) => other !== name && ` ${other} `.includes(` ${name} `)));
}
