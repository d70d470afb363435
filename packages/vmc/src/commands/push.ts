import { resolve } from 'node:path';
import { findApp, getApp, getInfo, putApp } from '../api/apps.ts';
import type { Client } from '../api/client.ts';
import { createService, listOfferings, listServices } from '../api/services.ts';
import { checkCapacity, planPush } from '../app/plan.ts';
import type { PushPlan } from '../app/plan.ts';
import { startApp, updateIfStarted } from '../app/start.ts';
import { scanTree } from '../app/scan.ts';
import { askForServices } from '../app/choose-services.ts';
import { uploadBits } from '../app/upload.ts';
import { browserUrl } from '../config/target.ts';
import type { Context } from '../context.ts';
import { UsageError, VmcError } from '../errors.ts';
import { appsInForce } from '../manifest/index.ts';
import type { ManifestApp } from '../manifest/apps.ts';
import { platformOf } from './shared.ts';

/** `push [app]`: creates an application, uploads its files and starts it. */
export async function push(context: Context): Promise<void> {
  const { ui, flags } = context;
  const client = await context.client();
  const given = context.args[0] ?? flags.name;
  const listed = await appsInForce(context, given);
  if (given !== undefined && listed.length > 1)
    throw new UsageError(`The manifest has several applications, but none is named '${given}'`);
  const results: unknown[] = [];
  for (const app of listed.length > 0 ? listed : [undefined]) {
    if (app !== undefined) ui.say(`Pushing application '${given ?? app.name ?? app.path}'...`);
    results.push(await pushOne(context, client, app, given));
  }
  if (ui.json) ui.data(results.length === 1 ? results[0] : results, () => '');
}

async function pushOne(
  context: Context,
  client: Client,
  app: ManifestApp | undefined,
  given: string | undefined,
): Promise<unknown> {
  const { ui, flags } = context;
  const info = await getInfo(client);
  const plan = await planPush(context, info, app, given);
  if ((await findApp(client, plan.name)) !== undefined)
    throw new VmcError(`Application '${plan.name}' already exists`, {
      hint: `Use \`vmc update ${plan.name}\` to send new files, or choose another name.`,
    });
  checkCapacity(info, plan, flags.noStart !== true);
  const wantedServices = app === undefined ? await askForServices(context, client) : plan.services;
  await ui.step('Creating Application', () => create(client, plan));
  try {
    for (const wanted of wantedServices) await provide(context, client, plan.name, wanted);
    await uploadBits({ client, ui, match: flags.noResources !== true }, plan.name, plan.root, plan.entries);
  } catch (error) {
    ui.warn(
      `Application '${plan.name}' exists now, but without its files: run \`vmc update ${plan.name}\` or \`vmc delete ${plan.name}\`.`,
    );
    throw error;
  }
  ui.say('Push Status: OK');
  if (flags.noStart === true) {
    for (const uri of plan.uris)
      ui.say(`Once started, application '${plan.name}' is at ${browserUrl(uri, context.target)}`);
  } else {
    const debug = flags.debug === undefined ? {} : { debug: flags.debug };
    await startApp(platformOf(context, client), plan.name, { fresh: true, ...debug });
  }
  if (!ui.json) return undefined;
  const document = await getApp(client, plan.name);
  return { ...document, urls: document.uris.map((uri) => browserUrl(uri, context.target)) };
}

async function create(client: Client, plan: PushPlan): Promise<void> {
  const { name, framework, runtime, command, uris, instances, memoryMb, env } = plan;
  await client.send('POST', '/apps', {
    name,
    staging: { framework, runtime: runtime ?? null, ...(command === undefined ? {} : { command }) },
    uris,
    instances,
    resources: { memory: memoryMb },
    ...(env.length > 0 ? { env } : {}),
  });
}

async function provide(
  context: Context,
  client: Client,
  app: string,
  wanted: { name: string; vendor?: string },
): Promise<void> {
  const { ui } = context;
  const existing = await listServices(client);
  if (!existing.some((service) => service.name === wanted.name)) {
    const offering = (await listOfferings(client)).find((offer) => offer.vendor === wanted.vendor);
    if (offering === undefined)
      throw new VmcError(
        wanted.vendor === undefined
          ? `There is no service '${wanted.name}'`
          : `The target offers no service '${wanted.vendor}'`,
        { hint: 'See `vmc services`.' },
      );
    await ui.step(`Creating Service [${wanted.name}]`, () => createService(client, offering, wanted.name));
  }
  await ui.step(`Binding Service [${wanted.name}]`, async () => {
    const document = await getApp(client, app);
    await putApp(client, document, { services: [...new Set([...document.services, wanted.name])] });
  });
}

/** `update [app]`: sends new files; a running application is restarted with them. */
export async function update(context: Context): Promise<void> {
  const { ui, flags, host } = context;
  const client = await context.client();
  const given = context.args[0] ?? flags.name;
  const listed = await appsInForce(context, given);
  const found = listed.length > 0 ? listed : [undefined];
  if (given !== undefined && found.length > 1)
    throw new UsageError(`The manifest has several applications, but none is named '${given}'`);
  for (const manifest of found) {
    const name = given ?? manifest?.name ?? context.required(0, 'The application name');
    const app = await getApp(client, name);
    const root = manifest?.path ?? resolve(host.cwd, flags.path ?? '.');
    const framework = app.staging?.model ?? undefined;
    const entries = await scanTree(root, framework === undefined ? {} : { framework });
    if (!entries.some((entry) => entry.kind !== 'directory'))
      throw new VmcError(`There is nothing to push in ${root}`, { hint: 'Check --path and .vmcignore.' });
    await uploadBits({ client, ui, match: flags.noResources !== true, update: true }, name, root, entries);
    await updateIfStarted(platformOf(context, client), app);
  }
}
