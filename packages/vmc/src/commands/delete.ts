import { appPath, getApp, listApps } from '../api/apps.ts';
import type { Client } from '../api/client.ts';
import type { AppDocument } from '../api/schemas.ts';
import { deleteService } from '../api/services.ts';
import type { Context } from '../context.ts';
import { UsageError, VmcError } from '../errors.ts';

/** `delete app` and `delete --all`; with `--force` also the services that no other application uses. */
export async function deleteApps(context: Context): Promise<void> {
  const { ui, prompt, flags } = context;
  const client = await context.client();
  if (flags.all === true) {
    if (context.args.length > 0) throw new UsageError('Give either a name or --all');
    const all = await listApps(client);
    if (all.length === 0) return ui.say('No Applications');
    const names = all.map((app) => app.name).join(', ');
    if (!(await prompt.confirm(`Delete all ${all.length} applications (${names})?`, flags.noPrompt === true)))
      throw new VmcError('Nothing was deleted');
    for (const app of all) await deleteOne(context, client, app);
    return;
  }
  await deleteOne(context, client, await getApp(client, context.appName()));
}

async function deleteOne(context: Context, client: Client, app: AppDocument): Promise<void> {
  const { ui, prompt, flags } = context;
  const doomed: string[] = [];
  for (const service of app.services) {
    const question = `Delete bound service '${service}' too?`;
    if (flags.force === true || (await prompt.confirm(question, false))) doomed.push(service);
  }
  const others =
    doomed.length === 0 ? [] : (await listApps(client)).filter((other) => other.name !== app.name);
  await ui.step(`Deleting application [${app.name}]`, () => client.send('DELETE', appPath(app.name)));
  for (const service of doomed) {
    const users = others.filter((other) => other.services.includes(service)).map((other) => other.name);
    if (users.length > 0) ui.warn(`Service '${service}' is kept: ${users.join(', ')} use(s) it`);
    else await ui.step(`Deleting service [${service}]`, () => deleteService(client, service));
  }
}
