import { startApp, stopApp } from '../app/start.ts';
import type { Context } from '../context.ts';
import { UsageError } from '../errors.ts';
import { appsInForce } from '../manifest/index.ts';
import { platformOf } from './shared.ts';

/** The application named, else those of the manifest, dependencies first. */
async function namesOf(context: Context): Promise<string[]> {
  const given = context.args[0] ?? context.flags.name;
  if (given !== undefined) return [given];
  const names = (await appsInForce(context)).flatMap((app) => app.name ?? []);
  if (names.length === 0)
    throw new UsageError('The application name is missing', 'Give it, or make a manifest.yml.');
  return names;
}

function debugOf(context: Context): { debug?: string } {
  return context.flags.debug === undefined ? {} : { debug: context.flags.debug };
}

/** `start [app]` */
export async function start(context: Context): Promise<void> {
  const platform = platformOf(context, await context.client());
  for (const name of await namesOf(context)) await startApp(platform, name, debugOf(context));
}

/** `stop [app]` */
export async function stop(context: Context): Promise<void> {
  const platform = platformOf(context, await context.client());
  for (const name of (await namesOf(context)).toReversed()) await stopApp(platform, name);
}

/** `restart [app]` */
export async function restart(context: Context): Promise<void> {
  const platform = platformOf(context, await context.client());
  const names = await namesOf(context);
  for (const name of names.toReversed()) await stopApp(platform, name);
  for (const name of names) await startApp(platform, name, debugOf(context));
}
