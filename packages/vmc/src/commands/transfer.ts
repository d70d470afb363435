import { createWriteStream } from 'node:fs';
import { readFile, rename, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { snapshotResult, startDataImport, startExport, startUrlImport, urlSchema } from '../api/lifecycle.ts';
import { Transport } from '../api/transport.ts';
import { followJob } from '../app/service-job.ts';
import type { Context } from '../context.ts';
import { VmcError } from '../errors.ts';
import { loadSnapshot, takeSnapshot } from './snapshots.ts';
import { platformOf } from './shared.ts';

/**
 * `export-service service [snapshot] [--path file]`: the address of a file with the data, of a new snapshot unless one
 * is named; with `--path` the file itself.
 */
export async function exportService(context: Context): Promise<void> {
  const { ui, args, flags, host } = context;
  const service = context.required(0, 'The service');
  const client = await context.client();
  const id = args[1] ?? (await takeSnapshot(context, client, service));
  const label = `Exporting snapshot ${id} of [${service}]`;
  const work = () => startExport(client, service, id);
  const { url } = urlSchema.parse(await followJob(platformOf(context, client), label, service, work));
  const file = flags.path === undefined ? undefined : resolve(host.cwd, flags.path);
  if (file !== undefined) await ui.step(`Writing ${file}`, () => download(context, url, file));
  ui.data({ snapshot_id: id, url, ...(file !== undefined && { file }) }, () =>
    file === undefined ? url : '',
  );
}

/** Whoever has the address may read the file: no token goes with the call. */
async function download(context: Context, url: string, file: string): Promise<void> {
  const { origin, pathname, search } = new URL(url);
  const transport = new Transport(origin, context.host.env);
  const part = `${file}.part`;
  try {
    const response = await transport.send({ method: 'GET', path: pathname + search });
    if (response.statusCode !== 200)
      throw new VmcError(`${origin} answered ${response.statusCode ?? 0} instead of the file`);
    await pipeline(response, createWriteStream(part, { mode: 0o600 }));
    await rename(part, file);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  } finally {
    transport.close();
  }
}

/**
 * `import-service service <url|file>`: makes a snapshot of it, and loads that when the user says so. A file goes through
 * the target and must be small; anything larger is imported from a URL.
 */
export async function importService(context: Context): Promise<void> {
  const { ui, flags, prompt } = context;
  const service = context.required(0, 'The service');
  const source = context.required(1, 'The URL or file');
  const client = await context.client();
  const work = /^https?:\/\//i.test(source)
    ? () => startUrlImport(client, service, source)
    : await fileImport(context, source).then((data) => () => startDataImport(client, service, data));
  const result = await followJob(platformOf(context, client), `Importing into [${service}]`, service, work);
  const { snapshot_id: id } = snapshotResult.parse(result);
  const question = `It is snapshot ${id} now. Replace all data of '${service}' by it?`;
  const load = flags.force === true || (await prompt.confirm(question, false));
  if (load) await loadSnapshot(context, client, service, id);
  ui.data({ snapshot_id: id, loaded: load }, () =>
    load ? '' : `Load it with \`vmc rollback-snapshot ${service} ${id}\`.`,
  );
}

async function fileImport({ host }: Context, path: string): Promise<string> {
  const file = resolve(host.cwd, path);
  try {
    return (await readFile(file)).toString('base64');
  } catch (cause) {
    throw new VmcError(`The file ${file} cannot be read`, { cause });
  }
}
