/** Size of every read. */
export const readBytes = 64 * 1024;

const mostSpare = 64;

/** Memory of one connection's reads while a body streams; `holds` counts the writes that still need it. */
export interface Chunk {
  readonly buffer: Buffer;
  holds: number;
  /** Whether the connection that read it will read into it again. */
  reading: boolean;
}

/** Memory into which all connections read heads and small messages, one at a time. */
export const sharedBuffer: Buffer = Buffer.allocUnsafeSlow(readBytes);

const spare: Chunk[] = [];

/**
 * The memory whose bytes are being handled right now: a chunk, the shared buffer, or undefined outside a read and on
 * connections whose reads are the reader's to keep.
 */
export const current: { chunk: Chunk | 'shared' | undefined } = { chunk: undefined };

/** A chunk to read into. */
export function takeChunk(): Chunk {
  const chunk = spare.pop() ?? { buffer: Buffer.allocUnsafeSlow(readBytes), holds: 0, reading: true };
  chunk.reading = true;
  return chunk;
}

/** The connection reads no more into it; it is used again when no write needs it. */
export function leaveChunk(chunk: Chunk): void {
  chunk.reading = false;
  if (chunk.holds === 0 && spare.length < mostSpare) spare.push(chunk);
}

/** A write that needed it is done. */
export function releaseChunk(chunk: Chunk): void {
  chunk.holds -= 1;
  if (chunk.holds === 0 && !chunk.reading && spare.length < mostSpare) spare.push(chunk);
}
