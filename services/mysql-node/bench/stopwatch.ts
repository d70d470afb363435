/** Milliseconds that some work took. */
export async function ms(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/** Seconds, to the millisecond. */
export async function seconds(work: () => Promise<unknown>): Promise<number> {
  return Math.round(await ms(work)) / 1000;
}
