import { text as readAll } from 'node:stream/consumers';
import { z } from 'zod';
import { ApiError } from '../errors.ts';
import { appPath } from './apps.ts';
import type { Client } from './client.ts';

const lineSchema = z.looseObject({
  /** Seconds since the epoch. */
  time: z.number(),
  instance: z.string(),
  index: z.number(),
  source: z.string(),
  text: z.string(),
});
/** One line that an instance wrote, or (source `dea`) that is told about it. */
export type LogLine = z.infer<typeof lineSchema>;

/** Lines, and what to ask with for those after them. */
export interface LogPage {
  lines: LogLine[];
  cursor: string | undefined;
}

/**
 * The lines after `cursor`, or the `recent` last ones of each instance; waits up to `waitSeconds` for one. Undefined
 * when the target has no log streams.
 */
export async function readLogs(
  client: Client,
  name: string,
  o: { cursor: string | undefined; recent: number; waitSeconds: number },
): Promise<LogPage | undefined> {
  const query = new URLSearchParams({
    wait: String(o.waitSeconds),
    ...(o.cursor === undefined ? { recent: String(o.recent) } : { cursor: o.cursor }),
  });
  try {
    const path = appPath(name, `/logs?${query.toString()}`);
    const response = await client.call({ method: 'GET', path, headers: { Accept: '*/*' } });
    const cursor = response.headers['x-log-cursor'];
    const text = await readAll(response);
    return { lines: parseLines(text), cursor: typeof cursor === 'string' ? cursor : o.cursor };
  } catch (error) {
    if (error instanceof ApiError && error.notFound && error.code === 303) return undefined;
    throw error;
  }
}

function parseLines(text: string): LogLine[] {
  return text.split('\n').flatMap((json) => {
    if (json === '') return [];
    try {
      return [lineSchema.parse(JSON.parse(json))];
    } catch {
      return [];
    }
  });
}
