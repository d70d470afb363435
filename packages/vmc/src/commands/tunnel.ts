import { LocalListener } from '@vcap/tunnel';
import type { Client } from '../api/client.ts';
import { listServices } from '../api/services.ts';
import type { Context } from '../context.ts';
import { UsageError, VmcError } from '../errors.ts';
import { clientsFor, fillClient } from '../tunnel/clients.ts';
import type { ClientCommand } from '../tunnel/clients.ts';
import { accessOf } from '../tunnel/credentials.ts';
import type { ServiceAccess } from '../tunnel/credentials.ts';
import { removeHelper } from '../tunnel/helper-app.ts';
import { settled } from '../tunnel/settled.ts';
import { directWay, helperWay, transportOf } from '../tunnel/ways.ts';

/** `tunnel [service] [client] [--port N] [--direct] [--transport WAY]`, `tunnel --remove` */
export async function tunnel(context: Context): Promise<void> {
  const { ui, args, flags, store } = context;
  const client = await context.client();
  if (flags.remove === true) return removeHelper(context, client);
  const transport = transportOf(flags.transport);
  const wantedPort = portOf(flags.port);
  const { name, vendor } = await chooseService(context, client);
  const clients = clientsFor(vendor, store.clientFile);
  const wanted = args[1];
  if (wanted !== undefined && wanted !== 'none' && !Object.hasOwn(clients, wanted))
    throw new UsageError(`There is no client '${wanted}' for ${vendor}`, `There are: ${names(clients)}.`);
  const interrupted = new AbortController();
  let ended: Error | undefined;
  const lost = (error: unknown): void => {
    ended = error as Error;
    interrupted.abort();
  };
  const way = await settled(
    flags.direct === true
      ? directWay(context, client, name, transport, lost)
      : helperWay(context, client, name, transport),
  );
  let listener: LocalListener | undefined;
  try {
    const access = accessOf(vendor, way.credentials);
    listener = new LocalListener({
      client: way.client,
      destination: { host: access.host, port: access.port },
      onFailure: (error) => ui.error(`A connection failed: ${error.message}`),
    });
    const port = await settled(listener.start(wantedPort));
    show(context, access, port);
    const program = await chooseClient(context, clients, wanted, access, port);
    await run(context, program, interrupted).catch((error: unknown) => {
      // A program that was ended with the tunnel did no wrong.
      if (ended === undefined) throw error;
    });
    if (ended !== undefined) throw new VmcError(`The tunnel ended: ${ended.message}`, { cause: ended });
  } finally {
    await listener?.stop();
    way.client.close();
    await way.end().catch((error: unknown) => ui.warn(`It could not be ended: ${(error as Error).message}`));
  }
}

async function chooseService(
  { args, prompt }: Context,
  client: Client,
): Promise<{ name: string; vendor: string }> {
  const services = await listServices(client);
  const all = services.map(({ name }) => name).join(', ');
  if (services.length === 0)
    throw new VmcError('You have no services', { hint: 'Make one with `vmc create-service`.' });
  const name = args[0] ?? (await prompt.ask(`Which service (${all})`, services[0]?.name));
  const found = services.find((service) => service.name === name);
  if (found === undefined)
    throw new VmcError(`There is no service '${name}'`, { hint: `There are: ${all}.` });
  return { name, vendor: found.vendor ?? '' };
}

function portOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new UsageError(`'${text}' is not a port`);
}

function show({ ui }: Context, { user, password, name }: ServiceAccess, port: number): void {
  const rows = { port, user, password, name };
  ui.data({ host: '127.0.0.1', ...rows }, () =>
    [
      `Service is reached at 127.0.0.1:${port}`,
      ...(user === undefined ? [] : [`  user:     ${user}`]),
      ...(password === undefined ? [] : [`  password: ${password}`]),
      ...(name === undefined ? [] : [`  database: ${name}`]),
    ].join('\n'),
  );
}

const names = (clients: object): string => ['none', ...Object.keys(clients)].join(', ');

async function chooseClient(
  { prompt }: Context,
  clients: ReturnType<typeof clientsFor>,
  wanted: string | undefined,
  access: ServiceAccess,
  port: number,
): Promise<ClientCommand | undefined> {
  const known = Object.keys(clients);
  const name =
    wanted ?? (known.length === 0 ? 'none' : await prompt.ask(`Which client (${names(clients)})`, 'none'));
  const template = Object.hasOwn(clients, name) ? clients[name] : undefined;
  if (template === undefined && name !== 'none')
    throw new UsageError(`There is no client '${name}'`, `There are: ${names(clients)}.`);
  return template && fillClient(template, access, port, (question) => prompt.ask(question));
}

/** Runs the program to its end, or waits until the user, or a lost tunnel, ends it. */
async function run(
  context: Context,
  program: ClientCommand | undefined,
  interrupted: AbortController,
): Promise<void> {
  const { ui, host, prompt } = context;
  const stopListening = host.onInterrupt?.(() => {
    // A program that runs hears of it itself, and decides.
    if (program === undefined) interrupted.abort();
  });
  host.signal?.addEventListener('abort', () => interrupted.abort(), { once: true });
  try {
    if (program === undefined) {
      ui.say('The tunnel is open until you press Ctrl-C');
      await new Promise<void>((resolve) => {
        if (interrupted.signal.aborted || host.signal?.aborted === true) resolve();
        else interrupted.signal.addEventListener('abort', () => resolve(), { once: true });
      });
      return;
    }
    if (host.run === undefined) throw new VmcError('No program can be started here', { hint: 'Use `none`.' });
    prompt.stop();
    const status = await host.run(program.argv, { ...host.env, ...program.env }, interrupted.signal);
    if (status !== 0)
      throw new VmcError(`${program.argv[0]} ended with status ${status}`, { exitCode: status });
  } finally {
    stopListening?.();
  }
}
