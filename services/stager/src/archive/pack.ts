import type { Readable } from 'node:stream';
import { throughPipe } from '../container/pipe.ts';
import type { TaskContainer } from '../container/task-container.ts';
import { StagingError } from '../domain/staging-error.ts';
import type { Workspace } from '../task/workspace.ts';
import { gzipStream } from './gzip-stream.ts';
import { tarEntries } from './tar-entries.ts';
import type { OwnEntry } from './tar-entries.ts';

const MB = 1024 * 1024;
/** Headers and padding of a tar on top of what is in its files. */
const TAR_SHARE = 1.25;

/** What a droplet holds. */
export interface DropletContent {
  /** Names at the top of the container's directory. */
  readonly names: readonly string[];
  /** The platform's own, in this order. */
  readonly own: readonly OwnEntry[];
  /** When those were made, in milliseconds. */
  readonly timeMs: number;
}

/**
 * Packs a droplet as tar.gz and answers its hex SHA-1; links and modes are kept, owners are not told. tar runs in the
 * container as its user, so that links give an app nothing that it did not have; what comes out of it is compressed and
 * hashed here on its way to the disk. The platform's own files never are where an app could touch them.
 * @throws StagingError `PackFailed`, or of a limit; the signal's reason when aborted
 */
export const packDroplet = async (
  container: TaskContainer,
  workspace: Workspace,
  { names, own, timeMs }: DropletContent,
): Promise<string> => {
  const owner = ['--owner=0', '--group=0', '--numeric-owner'];
  const argv = ['tar', '-c', ...owner, '-f', '-', '-C', container.path(''), '--', ...names] as const;
  const { diskMb } = container.limits;
  let sha1 = '';
  const status = await throughPipe(
    workspace.pipes.droplet,
    (stdout, signal) => container.run(argv, { stdout, signal, cwd: '.' }),
    async (source) => {
      sha1 = await gzipStream(joined(tarEntries(own, timeMs), source), workspace.droplet, {
        maxBytes: diskMb * MB * TAR_SHARE,
        tooLarge: () => new StagingError('PackFailed', `the droplet is larger than ${diskMb} MB unpacked`),
      });
    },
  );
  if (status !== 0)
    throw new StagingError('PackFailed', `the droplet could not be packed: tar ended with ${status}`);
  return sha1;
};

async function* joined(first: Buffer, rest: Readable): AsyncGenerator<Buffer> {
  yield first;
  yield* rest as AsyncIterable<Buffer>;
}
