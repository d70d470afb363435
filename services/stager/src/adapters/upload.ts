import { openAsBlob } from 'node:fs';
import { FinalFailure, threeAttempts } from './attempts.ts';
import type { TransferOptions } from './attempts.ts';
import { fetchFailure, toHttpTarget } from './http-target.ts';

/**
 * Posts the droplet as form field `upload[droplet]`, read from disk while it is sent; 200 is required.
 * @throws StagingError `UploadFailed` without the URL; the signal's reason when aborted
 */
export const uploadDroplet = (uri: string, path: string, sha1: string, o: TransferOptions): Promise<void> =>
  threeAttempts(o, 'UploadFailed', 'the droplet could not be uploaded', async (traceHeaders) => {
    const target = toHttpTarget(uri);
    const form = new FormData();
    form.append('upload[droplet]', await openAsBlob(path, { type: 'application/gzip' }), 'droplet.tgz');
    const response = await fetch(target.url, {
      method: 'POST',
      headers: { ...target.headers, ...traceHeaders, 'x-droplet-sha1': sha1 },
      body: form,
      redirect: 'error',
      signal: o.signal,
    }).catch((error: unknown) => {
      throw new Error(fetchFailure(error), { cause: error });
    });
    await response.body?.cancel();
    if (response.status === 200) return;
    const answer = `the cloud controller answered ${response.status}`;
    throw response.status < 500 ? new FinalFailure(answer) : new Error(answer);
  });
