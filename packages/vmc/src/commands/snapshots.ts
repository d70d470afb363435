import {
  listSnapshots,
  nameSnapshot,
  snapshotResult,
  startDeletion,
  startRollback,
  startSnapshot,
} from '../api/lifecycle.ts';
import type { Client } from '../api/client.ts';
import { followJob } from '../app/service-job.ts';
import type { Context } from '../context.ts';
import { VmcError } from '../errors.ts';
import { formatBytes } from '../ui/format.ts';
import { platformOf } from './shared.ts';

/** `snapshots service` */
export async function snapshots(context: Context): Promise<void> {
  const service = context.required(0, 'The service');
  const found = await listSnapshots(await context.client(), service);
  context.ui.table(
    found,
    ['Snapshot', 'Date', 'Size', 'Name'],
    found.map(({ snapshot_id, date, size, name }) => [
      snapshot_id,
      date ?? '',
      size == null ? '' : formatBytes(size),
      name ?? '',
    ]),
    `There are no snapshots of '${service}'`,
  );
}

/** Makes a snapshot and answers its id. */
export async function takeSnapshot(context: Context, client: Client, service: string): Promise<string> {
  const work = () => startSnapshot(client, service);
  const label = `Taking a snapshot of [${service}]`;
  return snapshotResult.parse(await followJob(platformOf(context, client), label, service, work)).snapshot_id;
}

/** `create-snapshot service [name]` */
export async function createSnapshot(context: Context): Promise<void> {
  const service = context.required(0, 'The service');
  const client = await context.client();
  const id = await takeSnapshot(context, client, service);
  const name = context.args[1] ?? context.flags.name;
  if (name !== undefined) await nameSnapshot(client, service, id, name);
  context.ui.data({ snapshot_id: id, ...(name !== undefined && { name }) }, () => `Snapshot ${id}`);
}

/** `rollback-snapshot service snapshot` */
export async function rollbackSnapshot(context: Context): Promise<void> {
  const [service, id] = await theSnapshot(context);
  const client = await context.client();
  const question = `Replace all data of '${service}' by snapshot ${id}?`;
  if (!(await sure(context, question))) throw new VmcError('Nothing was changed');
  await loadSnapshot(context, client, service, id);
}

/** Puts the data of a snapshot in place of the present one. */
export async function loadSnapshot(
  context: Context,
  client: Client,
  service: string,
  id: string,
): Promise<void> {
  const label = `Rolling [${service}] back to snapshot ${id}`;
  await followJob(platformOf(context, client), label, service, () => startRollback(client, service, id));
}

/** `delete-snapshot service snapshot` */
export async function deleteSnapshot(context: Context): Promise<void> {
  const [service, id] = await theSnapshot(context);
  const client = await context.client();
  if (!(await sure(context, `Delete snapshot ${id} of '${service}'?`)))
    throw new VmcError('Nothing was deleted');
  const label = `Deleting snapshot ${id} of [${service}]`;
  await followJob(platformOf(context, client), label, service, () => startDeletion(client, service, id));
}

/** Both words, the second one asked for when it is missing. */
async function theSnapshot(context: Context): Promise<[string, string]> {
  const service = context.required(0, 'The service');
  const given = context.args[1];
  if (given !== undefined) return [service, given];
  const known = (await listSnapshots(await context.client(), service)).map((each) => each.snapshot_id);
  if (known.length === 0) throw new VmcError(`There are no snapshots of '${service}'`);
  return [service, await context.prompt.ask(`Which snapshot (${known.join(', ')})`)];
}

/** Asks before data is lost; scripts that ask no questions mean it. */
async function sure({ prompt, flags }: Context, question: string): Promise<boolean> {
  return flags.force === true || flags.noPrompt === true || prompt.confirm(question, false);
}
