import { getApp, putApp } from '../api/apps.ts';
import type { Client } from '../api/client.ts';
import type { AppDocument } from '../api/schemas.ts';
import { restartIfStarted } from '../app/start.ts';
import type { Platform } from '../app/start.ts';
import type { Context } from '../context.ts';

/** What starting and stopping need, out of a command's context. */
export function platformOf(context: Context, client: Client): Platform {
  return { client, ui: context.ui, clock: context.host.clock, target: context.target };
}

/** Changes members of an application in one step; `restart` makes a running one take them up. */
export async function changeApp(
  context: Context,
  label: string,
  change: (app: AppDocument) => Partial<AppDocument> | undefined,
  restart: boolean,
): Promise<void> {
  const client = await context.client();
  const app = await getApp(client, context.appName());
  const members = change(app);
  if (members === undefined) return;
  await context.ui.step(label, () => putApp(client, app, members));
  if (restart) await restartIfStarted(platformOf(context, client), app);
}
