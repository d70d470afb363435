import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { appPath, findApp, getApp, putApp } from '../api/apps.ts';
import type { Client } from '../api/client.ts';
import type { AppDocument } from '../api/schemas.ts';
import { scanTree } from '../app/scan.ts';
import { startApp, updateIfStarted } from '../app/start.ts';
import { uploadBits } from '../app/upload.ts';
import { browserUrl, targetBase } from '../config/target.ts';
import { platformOf } from '../commands/shared.ts';
import type { Context } from '../context.ts';
import { VmcError } from '../errors.ts';

/** Name of the application that carries tunnels, as the original had it. */
export const helperName = 'caldecott';
const memoryMb = 128;
const manifest = z.looseObject({ release: z.string() });

/** Where the helper is and what opens it. */
export interface Helper {
  url: string;
  token: string;
}

/**
 * The files of the helper, and their release: those in the folder VMC_HELPER, else the ones built with this vmc. Throws
 * VmcError where there are none.
 */
export async function helperFiles(env: NodeJS.ProcessEnv): Promise<{ folder: string; release: string }> {
  try {
    const own = env['VMC_HELPER'];
    const file =
      own === undefined
        ? fileURLToPath(import.meta.resolve('@vcap/caldecott/bundle/package.json'))
        : join(own, 'package.json');
    const { release } = manifest.parse(JSON.parse(await readFile(file, 'utf8')));
    return { folder: dirname(file), release };
  } catch (cause) {
    throw new VmcError('The helper application is not there', {
      hint: 'Build it with `pnpm --filter @vcap/caldecott... build`, or use --direct.',
      cause,
    });
  }
}

/** Where the helper of a present application is; undefined when it has no address or token. */
export function helperOf(app: AppDocument, target: string): Helper | undefined {
  const token = app.env.find((item) => item.startsWith('CALDECOTT_AUTH='))?.slice('CALDECOTT_AUTH='.length);
  const [uri] = app.uris;
  return token === undefined || uri === undefined ? undefined : { url: browserUrl(uri, target), token };
}

/**
 * Sees to it that the helper of this release runs with the service bound: pushes it when it is absent or another one
 * (with a new token), binds, and restarts only when the binding is new.
 */
export async function ensureHelper(
  context: Context,
  client: Client,
  service: string,
  releaseOf: (helper: Helper) => Promise<string | undefined>,
): Promise<Helper> {
  const platform = platformOf(context, client);
  const files = await helperFiles(context.host.env);
  const present = await findApp(client, helperName);
  const helper = present && helperOf(present, context.target);
  const right =
    present?.state === 'STARTED' && helper !== undefined && (await releaseOf(helper)) === files.release;
  if (!right) return pushHelper(context, client, service, files.folder, present);
  if (!present.services.includes(service)) {
    await context.ui.step(`Binding Service [${service}]`, () =>
      putApp(client, present, { services: [...present.services, service] }),
    );
    await updateIfStarted(platform, await getApp(client, helperName));
  }
  return helper;
}

async function pushHelper(
  context: Context,
  client: Client,
  service: string,
  folder: string,
  present: AppDocument | undefined,
): Promise<Helper> {
  const { ui, target } = context;
  const services = [...new Set([...(present?.services ?? []), service])];
  if (present !== undefined)
    await ui.step(`Removing the old '${helperName}'`, () => client.send('DELETE', appPath(helperName)));
  const token = randomBytes(24).toString('hex');
  const uri = `${helperName}-${randomBytes(4).toString('hex')}.${targetBase(target)}`;
  await ui.step(`Creating the helper '${helperName}'`, () =>
    client.send('POST', '/apps', {
      name: helperName,
      staging: { framework: 'node', runtime: null },
      uris: [uri],
      instances: 1,
      resources: { memory: memoryMb },
      env: [`CALDECOTT_AUTH=${token}`],
      services,
    }),
  );
  await uploadBits({ client, ui, match: true }, helperName, folder, await scanTree(folder, {}));
  await startApp(platformOf(context, client), helperName, { fresh: true });
  return { url: browserUrl(uri, target), token };
}

/** `vmc tunnel --remove` */
export async function removeHelper(context: Context, client: Client): Promise<void> {
  if ((await findApp(client, helperName)) === undefined) {
    context.ui.say(`There is no helper '${helperName}'`);
    return;
  }
  await context.ui.step(`Deleting the helper '${helperName}'`, () =>
    client.send('DELETE', appPath(helperName)),
  );
}
