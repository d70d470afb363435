import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { FinalFailure, threeAttempts } from './attempts.ts';
import type { TransferOptions } from './attempts.ts';
import { fetchFailure, toHttpTarget } from './http-target.ts';

/**
 * Streams the app's zip to `path`; three tries, none after a 4xx answer.
 * @throws StagingError `DownloadFailed` without the URL; the signal's reason when aborted
 */
export const downloadApp = (uri: string, path: string, o: TransferOptions): Promise<void> =>
  threeAttempts(o, 'DownloadFailed', 'the application could not be downloaded', async (traceHeaders) => {
    const target = toHttpTarget(uri);
    const response = await fetch(target.url, {
      headers: { ...target.headers, ...traceHeaders },
      redirect: 'error',
      signal: o.signal,
    }).catch((error: unknown) => {
      throw new Error(fetchFailure(error), { cause: error });
    });
    if (response.status !== 200 || !response.body) {
      await response.body?.cancel();
      const answer = `the server answered ${response.status}`;
      throw response.status < 500 ? new FinalFailure(answer) : new Error(answer);
    }
    // A body that ends early makes the stream fail: fetch checks Content-Length.
    await pipeline(Readable.fromWeb(response.body), createWriteStream(path), { signal: o.signal });
  });
