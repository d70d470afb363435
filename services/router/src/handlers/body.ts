import type { IncomingMessage } from 'node:http';
import type { Writable } from 'node:stream';

/** Called with the bytes of each chunk. */
export type ChunkListener = (bytes: number) => void;

interface MessageSink extends Writable {
  addTrailers(headers: [string, string][]): void;
}

/**
 * Copies a message's body and trailers to the other side at the speed of the slower of the two, and ends it there.
 * An error on either side ends nothing here: the caller listens for that. Returns a function that stops copying, once:
 * what the caller does with the rest of the message afterwards is not undone by a second call.
 */
export function pumpBody(from: IncomingMessage, to: MessageSink, onChunk: ChunkListener): () => void {
  let copying = true;
  const onData = (chunk: Buffer): void => {
    onChunk(chunk.length);
    if (!to.write(chunk)) from.pause();
  };
  const onDrain = (): void => void from.resume();
  const onEnd = (): void => {
    copying = false;
    const trailers: [string, string][] = [];
    for (let i = 0; i + 1 < from.rawTrailers.length; i += 2) {
      trailers.push([from.rawTrailers[i] ?? '', from.rawTrailers[i + 1] ?? '']);
    }
    if (trailers.length > 0) to.addTrailers(trailers);
    to.end();
  };
  if (from.readableEnded) {
    onEnd();
    return () => undefined;
  }
  to.on('drain', onDrain);
  from.on('end', onEnd);
  from.on('data', onData);
  from.resume();
  return () => {
    if (!copying) return;
    copying = false;
    from.pause();
    from.off('data', onData);
    from.off('end', onEnd);
    to.off('drain', onDrain);
  };
}
