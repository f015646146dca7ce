/** How far a suggestion may be from what was written, as a share of its length. */
const DISTANCE_SHARE_MAX = 0.4;

/** ` Did you mean X?` for the nearest of the names, or nothing when none is near; a prefix that all share is no nearness. */
export function didYouMean(written: string, names: Iterable<string>, prefix = ''): string {
  let best: { readonly name: string; readonly distance: number } | undefined;
  for (const name of names) {
    const distance = editDistance(written.slice(prefix.length).toLowerCase(), name.slice(prefix.length).toLowerCase());
    if (best === undefined || distance < best.distance) best = { name, distance };
  }
  if (best === undefined || best.distance > Math.max(1, (best.name.length - prefix.length) * DISTANCE_SHARE_MAX))
    return '';
  return ` Did you mean ${best.name}?`;
}

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
function editDistance(left: string, right: string): number {
  const rows: number[][] = [Array.from({ length: right.length + 1 }, (_, column) => column)];
  const at = (row: number, column: number): number => rows[row]?.[column] ?? 0;
  for (let row = 1; row <= left.length; row++) {
    rows.push([row]);
    for (let column = 1; column <= right.length; column++) {
      const cost = left[row - 1] === right[column - 1] ? 0 : 1;
      const swapped = left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
      const swap = row > 1 && column > 1 && swapped ? at(row - 2, column - 2) + 1 : Number.POSITIVE_INFINITY;
      const plain = Math.min(at(row - 1, column) + 1, at(row, column - 1) + 1, at(row - 1, column - 1) + cost);
      rows[row]?.push(Math.min(plain, swap));
    }
  }
  return at(left.length, right.length);
}
