import { text as readAll } from 'node:stream/consumers';
import { listInstances, openFile } from '../api/apps.ts';
import type { Client } from '../api/client.ts';
import { showMergedLogs } from '../app/merged-logs.ts';
import { followFiles } from '../app/follow.ts';
import { isGone } from '../app/start.ts';
import type { Context } from '../context.ts';
import { ApiError, UsageError, VmcError } from '../errors.ts';

const logFolders = ['logs', 'app/logs', 'app/log'];

/**
 * `logs app [--follow] [--lines N]`: recent lines of all instances and of staging. `--instance N` and `--all` show whole
 * files, and so does a target that has no log streams.
 */
export async function logs(context: Context): Promise<void> {
  const { flags } = context;
  const name = context.appName();
  const client = await context.client();
  const files = flags.instance !== undefined || flags.all === true;
  if (!files && (await showMergedLogs(context, client, name))) return;
  const chosen = await chosenInstances(context, client, name);
  if (flags.follow === true) {
    if (flags.json === true) throw new UsageError('--follow cannot print JSON');
    return followFiles(context, client, name, chosen);
  }
  const found: Record<string, Record<string, string>> = {};
  for (const instance of chosen) found[instance] = await showLogFiles(context, client, name, instance);
  if (flags.json === true) context.ui.data(found, () => '');
}

/** Numbers or ids of the instances that the flags ask for; instance 0 without flags. */
export async function chosenInstances(context: Context, client: Client, name: string): Promise<string[]> {
  const { all, instance } = context.flags;
  if (all !== true) return [instance ?? '0'];
  const found = await listInstances(client, name);
  if (found.length === 0) throw new VmcError(`No running instances for [${name}]`);
  return found.map((entry) => String(entry.index)).sort((a, b) => Number(a) - Number(b));
}

/** Shows every log file of an instance under its name, and answers their texts. */
export async function showLogFiles(
  context: Context,
  client: Client,
  name: string,
  instance: string,
): Promise<Record<string, string>> {
  const { ui, flags } = context;
  const texts: Record<string, string> = {};
  for (const folder of logFolders) {
    for (const file of await listFiles(client, name, instance, folder)) {
      const path = `${folder}/${file}`;
      const text = await readAll(await openFile(client, name, instance, path));
      texts[path] = text;
      if (flags.json === true) continue;
      if (flags.prefix === true) {
        for (const line of text.split('\n')) if (line !== '') ui.print(`[${instance}: ${path}] ${line}`);
      } else {
        ui.print(`====> [${instance}: /${path}] <====\n`);
        ui.print(text === '' ? '' : `${text}\n`);
      }
    }
  }
  if (Object.keys(texts).length === 0) ui.warn(`Instance ${instance} of '${name}' has no logs`);
  return texts;
}

/** Names of the files of a folder, out of its listing; none when the folder is not there. */
async function listFiles(client: Client, name: string, instance: string, folder: string): Promise<string[]> {
  let listing: string;
  try {
    listing = await readAll(await openFile(client, name, instance, `${folder}/`));
  } catch (error) {
    const gone = isGone(error) && folder === 'logs';
    if (!(error instanceof ApiError) || gone || error.status === 403) throw error;
    return [];
  }
  return parseListing(listing)
    .filter((entry) => !entry.directory)
    .map((entry) => entry.name);
}

/** Lines of a directory listing: a name, padding, a size (`-` for directories, which end in `/`). */
export function parseListing(text: string): { name: string; directory: boolean }[] {
  return text.split('\n').flatMap((line) => {
    const match = /^(.+?)\s+(-|[\d.]+[BKMG])\s*$/.exec(line);
    const name = match?.[1];
    return name === undefined ? [] : [{ name, directory: name.endsWith('/') || match?.[2] === '-' }];
  });
}
