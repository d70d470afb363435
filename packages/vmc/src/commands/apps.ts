import { listApps } from '../api/apps.ts';
import { healthOf } from '../app/health.ts';
import type { Context } from '../context.ts';

/** `apps`: all applications of the account. */
export async function apps(context: Context): Promise<void> {
  const found = await listApps(await context.client());
  found.sort((a, b) => (a.name < b.name ? -1 : 1));
  context.ui.table(
    found,
    ['Application', '#', 'Health', 'URLS', 'Services'],
    found.map((app) => [
      app.name,
      String(app.instances),
      healthOf(app),
      app.uris.join(', '),
      app.services.join(', '),
    ]),
    'No Applications',
  );
}
