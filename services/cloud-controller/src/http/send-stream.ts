import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Response } from 'express';
import { callOf } from './call-context.ts';

/** Sends `body` to its end. A source that breaks midway cuts the connection, so that nobody takes a part for all. */
export async function sendStream(
  response: Response,
  body: Readable,
  o: { status?: number; headers: Record<string, string> },
): Promise<void> {
  response.status(o.status ?? 200).set(o.headers);
  try {
    await pipeline(body, response);
  } catch (error) {
    callOf(response).log.info({ event: 'stream-cut', err: error });
    response.destroy();
  }
}
