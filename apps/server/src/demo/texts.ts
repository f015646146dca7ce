import { readdirSync, readFileSync } from 'node:fs';

/** In the checkout they are among the examples; `prepack` puts them beside this file. */
const DIRECTORY = new URL(
  import.meta.url.endsWith('.ts') ? '../../../../examples/texts/' : './texts/',
  import.meta.url,
);

export interface DemoText {
  /** The name of its file, without the ending. */
  readonly name: string;
  readonly text: string;
}

/** The texts that the assistant reads, by their names. */
export function readTexts(): readonly DemoText[] {
  return readdirSync(DIRECTORY)
    .filter((file) => file.endsWith('.txt'))
    .sort()
    .map((file) => ({ name: file.slice(0, -4), text: readFileSync(new URL(file, DIRECTORY), 'utf8').trim() }));
}

/** They come round. @param index any whole number from 0 */
export function textAt(index: number, texts: readonly DemoText[]): DemoText {
  const text = texts[index % texts.length];
  if (text === undefined) throw new RangeError('There are no texts for the demo.');
  return text;
}

/** Has the assistant read a text. */
export function assistantPayload(index: number, texts: readonly DemoText[]): { readonly input: string } {
  return { input: textAt(index, texts).text };
}
