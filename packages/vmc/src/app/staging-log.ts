import { buffer } from 'node:stream/consumers';
import { appPath } from '../api/apps.ts';
import type { Client } from '../api/client.ts';
import type { Clock } from '../clock.ts';
import { ApiError } from '../errors.ts';

interface Piece {
  bytes: Buffer;
  complete: boolean;
  /** Which staging it is of; absent where the target does not say. */
  task?: string;
}

/** The staging log from a byte on; undefined when there is none. */
export async function readStagingLog(
  client: Client,
  name: string,
  offset: number,
): Promise<Piece | undefined> {
  try {
    const response = await client.call({
      method: 'GET',
      path: appPath(name, `/staging/log?offset=${offset}`),
      headers: { Accept: '*/*' },
    });
    const task = response.headers['x-staging-task'];
    return {
      ...(typeof task === 'string' && { task }),
      bytes: await buffer(response),
      complete: response.headers['x-staging-complete'] === 'true',
    };
  } catch (error) {
    if (error instanceof ApiError) return undefined;
    throw error;
  }
}

/**
 * Shows staging output while `work` runs, each line as it comes. `old` is the log of an earlier staging:
 * nothing is shown until the log differs from it.
 */
export async function showStagingDuring<T>(
  o: { client: Client; clock: Clock; show: (line: string) => void },
  name: string,
  old: Buffer | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const done = new AbortController();
  const reader = new LogReader(o.show, old);
  const poll = async () => {
    for (;;) {
      await o.clock.sleep(300, done.signal);
      const last = done.signal.aborted;
      reader.take(await readStagingLog(o.client, name, reader.offset));
      if (last) return reader.end();
    }
  };
  const polling = poll().catch(() => undefined);
  try {
    return await work();
  } finally {
    done.abort();
    await polling;
  }
}

/** Turns pieces of a log into whole lines; a character cut in two waits for its other half. */
class LogReader {
  offset = 0;
  private readonly show: (line: string) => void;
  private readonly old: Buffer | undefined;
  private fresh: boolean;
  private rest = Buffer.alloc(0);

  constructor(show: (line: string) => void, old: Buffer | undefined) {
    this.show = show;
    this.old = old;
    this.fresh = old === undefined;
  }

  take(piece: Piece | undefined): void {
    if (piece === undefined) return;
    if (!this.fresh) {
      if (piece.complete && this.old?.equals(piece.bytes) === true) return;
      this.fresh = true;
    }
    this.offset += piece.bytes.length;
    this.rest = Buffer.concat([this.rest, piece.bytes]);
    for (let at = this.rest.indexOf(10); at >= 0; at = this.rest.indexOf(10)) {
      this.show(this.rest.subarray(0, at).toString().replace(/\r$/, ''));
      this.rest = this.rest.subarray(at + 1);
    }
  }

  end(): void {
    if (this.rest.length > 0) this.show(this.rest.toString());
  }
}
