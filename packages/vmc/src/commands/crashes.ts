import { listCrashes } from '../api/apps.ts';
import type { Client } from '../api/client.ts';
import type { Crash } from '../api/schemas.ts';
import type { Context } from '../context.ts';
import { VmcError } from '../errors.ts';
import { formatTime } from '../ui/format.ts';
import { showLogFiles } from './logs.ts';

interface NamedCrash extends Crash {
  name: string;
}

/** Crashes in the order of time; their names are stored, so that `crashlogs` can be asked for one. */
async function namedCrashes(context: Context, client: Client, app: string): Promise<NamedCrash[]> {
  const found = (await listCrashes(client, app))
    .sort((a, b) => a.since - b.since)
    .map((crash, index) => ({ ...crash, name: `${app}-${index + 1}` }));
  context.store.setInstances(Object.fromEntries(found.map((crash) => [crash.name, crash.instance])));
  return found;
}

/** `crashes app`: the instances that crashed lately. */
export async function crashes(context: Context): Promise<void> {
  const name = context.appName();
  const found = await namedCrashes(context, await context.client(), name);
  context.ui.table(
    found,
    ['Name', 'Instance ID', 'Crashed Time', 'Reason'],
    found.map((crash) => [crash.name, crash.instance, formatTime(crash.since), crash.reason ?? '']),
    `No crashed instances for [${name}]`,
  );
}

/** `crashlogs app [--instance NAME|ID]`: the logs of one crashed instance, by default the last one. */
export async function crashlogs(context: Context): Promise<void> {
  const name = context.appName();
  const client = await context.client();
  const wanted = context.flags.instance;
  const stored = wanted === undefined ? undefined : context.store.instances()[wanted];
  const instance = stored ?? wanted ?? (await namedCrashes(context, client, name)).at(-1)?.instance;
  if (instance === undefined) throw new VmcError(`No crashed instances for [${name}]`);
  await showLogFiles(context, client, name, instance);
}
