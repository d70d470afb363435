/** The same text in memory of its own: neither joined of parts nor a part of a whole head. */
export function flat(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}
