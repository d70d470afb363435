import { open, readdir, rm } from 'node:fs/promises';
import type { RunOptions } from '../task/run-command.ts';
import { runCommand } from '../task/run-command.ts';
import { StagingError } from '../domain/staging-error.ts';
import { gzipFile } from './gzip-file.ts';

/**
 * Packs everything in `staged` as a tar.gz; links and modes are kept, owners are not told. tar runs
 * as the task's user and writes to a descriptor opened here, so the app's links give it no power.
 * Answers the hex SHA-1 of the droplet.
 * @throws StagingError `PackFailed`; the signal's reason when aborted
 */
export const packDroplet = async (
  staged: string,
  droplet: string,
  run: Omit<RunOptions, 'cwd' | 'stdoutFd'>,
): Promise<string> => {
  const names = (await readdir(staged)).sort();
  const tar = `${droplet}.tar`;
  const file = await open(tar, 'wx', 0o600);
  try {
    const owner = ['--owner=0', '--group=0', '--numeric-owner'];
    const result = await runCommand(['tar', '-c', ...owner, '-f', '-', '--', ...names], {
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
  const sha1 = await gzipFile(tar, droplet, run.signal);
  await rm(tar);
  return sha1;
};
