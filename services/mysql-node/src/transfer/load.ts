import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ServiceError } from '@vcap/service-base';
import { mysqlErrors } from '../domain/errors.ts';
import type { ManagedServer } from '../server/servers.ts';
import { saidByServer, startClient } from './client-program.ts';
import { definerFilter } from './definer-filter.ts';
import { optionFile } from './option-file.ts';
import type { WorkDir } from './option-file.ts';

/**
 * Feeds a dump to the server as an account that can touch this one schema and nothing else: whatever the dump says,
 * it can do no more than its owner.
 */
export async function loadSchema(
  server: ManagedServer,
  workDir: WorkDir,
  target: { schema: string; user: string; password: string },
  from: Readable,
  signal: AbortSignal,
): Promise<void> {
  const options = optionFile(server, target, 'load');
  await workDir.withFile(options, async (file) => {
    const program = startClient(server.settings.mysql_bin, file, [target.schema], signal);
    const stdin = program.child.stdin;
    if (!stdin) throw new Error('mysql has no input');
    program.child.stdout?.resume();
    const [fed, ended] = await Promise.all([
      pipeline(from, definerFilter(), stdin).then(
        () => undefined,
        (error: unknown) => {
          // A program that ended early closes its input; then what it said is the reason.
          if ((error as { code?: unknown }).code !== 'EPIPE') program.child.kill('SIGKILL');
          return error;
        },
      ),
      program.end,
    ]);
    signal.throwIfAborted();
    if (!ended.ok && ended.message !== '')
      throw new ServiceError(mysqlErrors.loadFailed, saidByServer(ended.message));
    if (fed !== undefined) throw fed instanceof Error ? fed : new Error('the dump could not be read');
    if (!ended.ok) throw new ServiceError(mysqlErrors.loadFailed, 'the client program ended early');
  });
}
