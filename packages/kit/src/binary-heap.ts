/**
 * A priority queue over an array: the item that comes before all others is read in O(1), added and taken in O(log n).
 * The owner bounds its size.
 */
export class BinaryHeap<TItem> {
  readonly #items: TItem[] = [];
  readonly #before: (left: TItem, right: TItem) => boolean;

  /** @param before whether `left` is to be taken before `right`; must be a strict order */
  constructor(before: (left: TItem, right: TItem) => boolean) {
    this.#before = before;
  }

  get size(): number {
    return this.#items.length;
  }

  peek(): TItem | undefined {
    return this.#items[0];
  }

  push(item: TItem): void {
    const items = this.#items;
    let index = items.length;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = items[parentIndex] as TItem;
      if (!this.#before(item, parent)) break;
      items[index] = parent;
      index = parentIndex;
    }
    items[index] = item;
  }

  pop(): TItem | undefined {
    const items = this.#items;
    const first = items[0];
    const last = items.pop();
    if (items.length > 0) this.#sink(last as TItem, 0);
    return first;
  }

  /** Drops every item that `keep` refuses, in O(n). */
  retain(keep: (item: TItem) => boolean): void {
    const items = this.#items;
    let kept = 0;
    for (const item of items) if (keep(item)) items[kept++] = item;
    items.length = kept;
    for (let index = (kept >> 1) - 1; index >= 0; index--) this.#sink(items[index] as TItem, index);
  }

  #sink(item: TItem, from: number): void {
    const items = this.#items;
    const end = items.length;
    let index = from;
    for (let childIndex = 2 * index + 1; childIndex < end; childIndex = 2 * index + 1) {
      const right = childIndex + 1;
      if (right < end && this.#before(items[right] as TItem, items[childIndex] as TItem)) childIndex = right;
      const child = items[childIndex] as TItem;
      if (!this.#before(child, item)) break;
      items[index] = child;
      index = childIndex;
    }
    items[index] = item;
  }
}
