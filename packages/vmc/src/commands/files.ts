import { text as readAll } from 'node:stream/consumers';
import { openFile } from '../api/apps.ts';
import type { Context } from '../context.ts';
import { chosenInstances } from './logs.ts';

/** `files app [path] [--instance N] [--all]`: a file or a listing, as it comes. */
export async function files(context: Context): Promise<void> {
  const { ui, flags } = context;
  const name = context.appName();
  const path = context.args[1] ?? '/';
  const client = await context.client();
  const found: Record<string, string> = {};
  for (const instance of await chosenInstances(context, client, name)) {
    const response = await openFile(client, name, instance, path);
    if (flags.json === true) {
      found[instance] = await readAll(response);
      continue;
    }
    if (flags.all === true) ui.print(`====> [${instance}: ${path}] <====\n`);
    for await (const chunk of response as AsyncIterable<Buffer>) ui.raw(chunk);
  }
  if (flags.json === true) ui.data(found, () => '');
}
