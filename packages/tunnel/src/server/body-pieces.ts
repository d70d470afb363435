import type { IncomingMessage } from 'node:http';
import type { Clock } from '@vcap/clock';

/**
 * The pieces of a request's body as they come. Ends without an error when the body is whole (`request.complete`), when
 * the connection broke, when nothing came for `idleMs`, or when `signal` aborts.
 */
export async function* bodyPieces(
  request: IncomingMessage,
  clock: Clock,
  idleMs: number,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const stop = (): void => void request.destroy();
  signal.addEventListener('abort', stop);
  const iterator = request.iterator({ destroyOnReturn: false })[Symbol.asyncIterator]();
  try {
    while (!signal.aborted) {
      const timer = clock.setTimeout(stop, idleMs);
      let next: IteratorResult<Buffer>;
      try {
        next = (await iterator.next()) as IteratorResult<Buffer>;
      } finally {
        timer.cancel();
      }
      if (next.done === true) return;
      yield next.value;
    }
  } catch {
    // The connection broke: `request.complete` tells.
  } finally {
    signal.removeEventListener('abort', stop);
    // What is left of the body is thrown away, so that the answer finds a usable connection.
    request.resume();
  }
}
