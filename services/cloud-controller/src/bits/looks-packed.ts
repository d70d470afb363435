const SAMPLE_BYTES = 1024;
/** Text has 4 to 6 bits per byte, programs up to 7; what is compressed or encrypted has nearly 8. */
const MOST_BITS = 7.5;

/** Whether compressing would only cost time, judged by how evenly the bytes in its middle are spread. */
export function looksPacked(content: Buffer): boolean {
  if (content.length < SAMPLE_BYTES) return false;
  const at = (content.length - SAMPLE_BYTES) >> 1;
  const sample = content.subarray(at, at + SAMPLE_BYTES);
  const counts = new Uint32Array(256);
  for (const byte of sample) counts[byte] = (counts[byte] ?? 0) + 1;
  let bits = 0;
  for (const count of counts)
    if (count > 0) bits -= (count / sample.length) * Math.log2(count / sample.length);
  return bits > MOST_BITS;
}
