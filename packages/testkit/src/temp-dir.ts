import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A directory of the test's own. */
export interface TempDir {
  /** Absolute path. */
  readonly path: string;
  /** Removes it with all its content; never fails when it is gone already. */
  remove(): Promise<void>;
}

/** Makes a fresh directory `<system temp>/<prefix>-XXXXXX`, private to the calling user. */
export async function tempDir(prefix = 'vcap'): Promise<TempDir> {
  const path = await mkdtemp(join(tmpdir(), `${prefix}-`));
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }) };
}
