import { buffer } from 'node:stream/consumers';
import { openFile } from '../api/apps.ts';
import type { Client } from '../api/client.ts';
import type { Context } from '../context.ts';
import { ApiError } from '../errors.ts';
import { isGone } from './start.ts';

const everyMs = 500;
const files = ['logs/stdout.log', 'logs/stderr.log'];

interface Followed {
  instance: string;
  file: string;
  /** Bytes shown so far. */
  offset: number;
  /** The end of the last piece, up to the next line break. */
  rest: Buffer;
}

/** Shows what is added to the logs of these instances until the host's signal fires. */
export async function followFiles(
  context: Context,
  client: Client,
  name: string,
  instances: readonly string[],
): Promise<void> {
  const { ui, flags, host } = context;
  const followed = instances.flatMap((instance) =>
    files.map((file): Followed => ({ instance, file, offset: 0, rest: Buffer.alloc(0) })),
  );
  const prefixed = flags.prefix === true || instances.length > 1;
  let waiting = false;
  while (host.signal?.aborted !== true) {
    let gone = 0;
    for (const entry of followed) {
      try {
        const bytes = await readMore(client, name, entry);
        showLines(entry, bytes, (line) =>
          ui.print(prefixed ? `[${entry.instance}: ${entry.file}] ${line}` : line),
        );
      } catch (error) {
        if (!isGone(error)) throw error;
        gone += 1;
        entry.offset = 0;
      }
    }
    if (gone === followed.length && !waiting) ui.warn(`No instance of '${name}' is running; waiting for one`);
    waiting = gone === followed.length;
    await host.clock.sleep(everyMs, host.signal);
  }
}

/** The bytes since the last time. A file that became shorter belongs to a new instance: read from its start. */
async function readMore(client: Client, name: string, entry: Followed): Promise<Buffer> {
  try {
    const response = await openFile(client, name, entry.instance, entry.file, entry.offset);
    const bytes = await buffer(response);
    const partial = response.statusCode === 206;
    const restarted = !partial && bytes.length < entry.offset;
    const fresh = partial || restarted ? bytes : bytes.subarray(entry.offset);
    entry.offset = restarted ? bytes.length : entry.offset + fresh.length;
    return fresh;
  } catch (error) {
    if (error instanceof ApiError && error.status === 416) {
      const size = error.rangeSize;
      if (size !== undefined && size < entry.offset) entry.offset = 0;
      return Buffer.alloc(0);
    }
    if (error instanceof ApiError && error.notFound && error.code === 303) return Buffer.alloc(0);
    throw error;
  }
}

function showLines(entry: Followed, bytes: Buffer, show: (line: string) => void): void {
  entry.rest = Buffer.concat([entry.rest, bytes]);
  for (let at = entry.rest.indexOf(10); at >= 0; at = entry.rest.indexOf(10)) {
    show(entry.rest.subarray(0, at).toString());
    entry.rest = entry.rest.subarray(at + 1);
  }
}
