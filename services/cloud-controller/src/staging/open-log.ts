import type { Readable } from 'node:stream';

/** Reads a stager's log from `offset` bytes on; undefined when the stager or the log is gone. */
export async function openStagingLog(
  url: string,
  offset: number,
): Promise<{ body: Readable; complete: boolean } | undefined> {
  try {
    const target = new URL(url);
    target.searchParams.set('offset', String(offset));
    const { request } = await import('../later/undici.ts');
    const answer = await request(target, { headersTimeout: 5000, bodyTimeout: 30_000 });
    if (answer.statusCode !== 200) {
      await answer.body.dump();
      return undefined;
    }
    return { body: answer.body, complete: answer.headers['x-staging-complete'] === 'true' };
  } catch {
    return undefined;
  }
}
