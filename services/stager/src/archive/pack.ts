import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { RunOptions } from '../task/run-command.ts';
import { runCommand } from '../task/run-command.ts';
import { StagingError } from '../domain/staging-error.ts';

/**
 * Packs everything in `staged` as a tar.gz; links and modes are kept, owners are not told. tar runs
 * as the task's user and writes to a descriptor opened here, so the app's links give it no power.
 * @throws StagingError `PackFailed`; the signal's reason when aborted
 */
export const packDroplet = async (
  staged: string,
  droplet: string,
  run: Omit<RunOptions, 'cwd' | 'stdoutFd'>,
): Promise<void> => {
  const names = (await readdir(staged)).sort();
  const file = await open(droplet, 'wx', 0o600);
  try {
    const owner = ['--owner=0', '--group=0', '--numeric-owner'];
    const result = await runCommand(['tar', '-cz', ...owner, '-f', '-', '--', ...names], {
      ...run,
      cwd: staged,
      stdoutFd: file.fd,
    });
    if (result.code !== 0) {
      throw new StagingError(
        'PackFailed',
        `the droplet could not be packed: tar ended with ${result.code ?? result.signal}`,
      );
    }
  } finally {
    await file.close();
  }
};

/** Hex SHA-1 of a file, read as a stream. */
export const sha1OfFile = async (path: string, signal: AbortSignal): Promise<string> => {
  const hash = createHash('sha1');
  await pipeline(createReadStream(path), hash, { signal });
  return hash.digest('hex');
};
