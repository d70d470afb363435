import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ServiceError } from '@vcap/service-base';
import { mysqlErrors } from '../domain/errors.ts';
import { isInstanceName } from '../domain/names.ts';
import type { ManagedServer } from '../server/servers.ts';
import { UnsafeName } from '../sql/quote.ts';
import { saidByServer, startClient } from './client-program.ts';
import { optionFile } from './option-file.ts';
import type { WorkDir } from './option-file.ts';

/** Writes a schema with all that is in it as SQL, as of one moment; the tenant goes on working. */
export async function dumpSchema(
  server: ManagedServer,
  workDir: WorkDir,
  schema: string,
  to: Writable,
  signal: AbortSignal,
): Promise<void> {
  if (!isInstanceName(schema)) throw new UnsafeName('not an instance');
  const { settings } = server;
  const options = optionFile(server, { user: settings.user, password: settings.pass }, 'dump');
  await workDir.withFile(options, async (file) => {
    const program = startClient(settings.mysqldump_bin, file, [schema], signal);
    program.child.stdin?.end();
    const stdout = program.child.stdout;
    if (!stdout) throw new Error('mysqldump has no output');
    // The end of the output is the end of the dump only when the program says so.
    const [written, ended] = await Promise.all([
      pipeline(stdout, to, { end: false }).then(
        () => undefined,
        (error: unknown) => {
          program.child.kill('SIGKILL');
          return error;
        },
      ),
      program.end,
    ]);
    if (written !== undefined) throw written instanceof Error ? written : new Error('the dump was not taken');
    signal.throwIfAborted();
    if (!ended.ok) throw new ServiceError(mysqlErrors.dumpFailed, saidByServer(ended.message));
    await new Promise<void>((resolve, reject) => {
      to.once('error', reject);
      to.end(resolve);
    });
  });
}
