import { getApp, getInfo } from '../api/apps.ts';
import { parseMemory } from '../app/memory.ts';
import { bareUrl } from '../config/target.ts';
import type { Context } from '../context.ts';
import { UsageError, VmcError } from '../errors.ts';
import { formatMemory } from '../ui/format.ts';
import { changeApp } from './shared.ts';

/** `mem app [size]`: shows or changes the memory of each instance. */
export async function mem(context: Context): Promise<void> {
  const { ui, flags } = context;
  const name = context.appName();
  const wanted = context.args[1] ?? flags.mem;
  const client = await context.client();
  if (wanted === undefined) {
    const { memory } = (await getApp(client, name)).resources;
    return ui.data({ name, memory }, () => formatMemory(memory));
  }
  const memory = parseMemory(wanted);
  const { limits, usage } = await getInfo(client);
  await changeApp(
    context,
    `Updating Memory Reservation to ${formatMemory(memory)}`,
    (app) => {
      if (app.resources.memory === memory) {
        ui.say(`Application '${name}' has ${formatMemory(memory)} already`);
        return undefined;
      }
      const more = (memory - app.resources.memory) * app.instances;
      const free = (limits?.memory ?? Infinity) - (usage?.memory ?? 0);
      if (app.state === 'STARTED' && more > free)
        throw new VmcError(`Not enough memory: ${more}M more needed, ${free}M free`);
      return { resources: { ...app.resources, memory } };
    },
    true,
  );
}

/** `map app url` */
export async function map(context: Context): Promise<void> {
  const url = bareUrl(context.flags.url?.[0] ?? context.required(1, 'The URL'));
  await changeApp(
    context,
    `Mapping ${url}`,
    (app) => {
      if (!app.uris.includes(url)) return { uris: [...app.uris, url] };
      context.ui.say(`${url} is mapped already`);
      return undefined;
    },
    false,
  );
}

/** `unmap app url` */
export async function unmap(context: Context): Promise<void> {
  const url = bareUrl(context.flags.url?.[0] ?? context.required(1, 'The URL'));
  await changeApp(
    context,
    `Unmapping ${url}`,
    (app) => {
      if (app.uris.includes(url)) return { uris: app.uris.filter((other) => other !== url) };
      throw new VmcError(`${url} is not mapped to '${app.name}'`, {
        hint: `It has: ${app.uris.join(', ') || 'no URL'}.`,
      });
    },
    false,
  );
}

/** `env app`: the variables of an application. */
export async function env(context: Context): Promise<void> {
  const app = await getApp(await context.client(), context.appName());
  const pairs = app.env.map(splitPair);
  context.ui.table(
    Object.fromEntries(pairs),
    ['Variable', 'Value'],
    pairs.map((pair) => [...pair]),
    'No Environment Variables',
  );
}

/** `env-add app K=V` or `env-add app K V`; a variable that is there is replaced. */
export async function envAdd(context: Context): Promise<void> {
  const first = context.required(1, 'The variable (NAME=value)');
  const second = context.args[2];
  const item = second === undefined ? first : `${first}=${second}`;
  if (!/^[A-Za-z_]\w*=/.test(item))
    throw new UsageError(`'${item}' is not NAME=value`, 'Use `vmc env-add APP NAME=value`.');
  const [name] = splitPair(item);
  await changeApp(
    context,
    `Adding Environment Variable [${name}]`,
    (app) => ({ env: [...app.env.filter((other) => splitPair(other)[0] !== name), item] }),
    true,
  );
}

/** `env-del app K` */
export async function envDel(context: Context): Promise<void> {
  const name = context.required(1, 'The name of the variable');
  await changeApp(
    context,
    `Deleting Environment Variable [${name}]`,
    (app) => {
      const rest = app.env.filter((other) => splitPair(other)[0] !== name);
      if (rest.length < app.env.length) return { env: rest };
      throw new VmcError(`Application '${app.name}' has no variable '${name}'`);
    },
    true,
  );
}

function splitPair(item: string): [string, string] {
  const equals = item.indexOf('=');
  return equals < 0 ? [item, ''] : [item.slice(0, equals), item.slice(equals + 1)];
}
