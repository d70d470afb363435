/**
 * Runs `work` for each item, at most `width` at a time. After the first failure no more items are begun; it is thrown
 * once all that was begun has ended, so that nothing works on behind the caller's back.
 * `items` must bear several calls of next() at once, as arrays and generators do.
 */
export async function inLanes<T>(
  items: Iterable<T> | AsyncIterable<T>,
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const source = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  const failures: unknown[] = [];
  const lane = async (): Promise<void> => {
    try {
      for (;;) {
        const next = await source.next();
        if (next.done === true || failures.length > 0) return;
        await work(next.value);
      }
    } catch (error) {
      failures.push(error);
    }
  };
  await Promise.all(Array.from({ length: width }, lane));
  if (failures.length > 0) throw failures[0];
}
