import { getApp, putApp } from '../api/apps.ts';
import { createService, deleteService, listOfferings, listServices } from '../api/services.ts';
import { inventedName } from '../app/choose-services.ts';
import { updateIfStarted } from '../app/start.ts';
import type { Service } from '../api/schemas.ts';
import type { Context } from '../context.ts';
import { VmcError } from '../errors.ts';
import { renderTable } from '../ui/table.ts';
import { platformOf } from './shared.ts';

/** `services`: what is offered and what was created. */
export async function services(context: Context): Promise<void> {
  const client = await context.client();
  const [system, provisioned] = await Promise.all([listOfferings(client), listServices(client)]);
  context.ui.data({ system, provisioned }, () =>
    [
      '============== System Services ==============',
      system.length === 0
        ? 'No system services available'
        : renderTable(
            ['Service', 'Version', 'Plans', 'Description'],
            system.map(({ vendor, version, plans, description }) => [
              vendor,
              version,
              plans.join(', '),
              description,
            ]),
          ),
      '',
      '=========== Provisioned Services ============',
      provisioned.length === 0
        ? 'No provisioned services'
        : renderTable(['Name', 'Service', 'Version', 'Plan', 'State'], provisioned.map(rowOf)),
    ].join('\n'),
  );
}

function rowOf(service: Service): string[] {
  const { name, vendor, version, tier, meta } = service;
  const { kind, state } = meta?.operation ?? {};
  const words = kind === undefined || state === 'succeeded' ? '' : `${kind} ${state ?? ''}`;
  return [name, vendor ?? '', String(version ?? ''), tier ?? '', words];
}

/** `create-service [service] [name] [app]`, or with `--bind app`. */
export async function createServiceCommand(context: Context): Promise<void> {
  const { ui, prompt, args, flags } = context;
  const client = await context.client();
  const offers = await listOfferings(client);
  const vendors = [...new Set(offers.map((offer) => offer.vendor))].join(', ') || 'none';
  const wanted = args[0] ?? (await prompt.ask(`Which service (${vendors})`));
  const offer = offers.find((entry) => [entry.vendor, `${entry.vendor}-${entry.version}`].includes(wanted));
  if (offer === undefined)
    throw new VmcError(`The target offers no service '${wanted}'`, { hint: `It offers: ${vendors}.` });
  const name = args[1] ?? flags.name ?? inventedName(offer.vendor);
  await ui.step(`Creating Service [${name}]`, () => createService(client, offer, name, flags.plan));
  const app = args[2] ?? flags.bind;
  if (app !== undefined) await rebind(context, app, name, true);
}

/** `delete-service [name]` */
export async function deleteServiceCommand(context: Context): Promise<void> {
  const { ui, prompt, args } = context;
  const client = await context.client();
  const names = (await listServices(client)).map((service) => service.name);
  const name = args[0] ?? (await prompt.ask(`Which service (${names.join(', ') || 'none'})`));
  if (!names.includes(name))
    throw new VmcError(`There is no service '${name}'`, { hint: 'See `vmc services`.' });
  await ui.step(`Deleting service [${name}]`, () => deleteService(client, name));
}

/** `bind-service service app` */
export async function bindService(context: Context): Promise<void> {
  await rebind(
    context,
    context.required(1, 'The application name'),
    context.required(0, 'The service'),
    true,
  );
}

/** `unbind-service service app` */
export async function unbindService(context: Context): Promise<void> {
  await rebind(
    context,
    context.required(1, 'The application name'),
    context.required(0, 'The service'),
    false,
  );
}

/** `clone-services from to`: binds what one application has to another one too. */
export async function cloneServices(context: Context): Promise<void> {
  const { ui } = context;
  const client = await context.client();
  const source = await getApp(client, context.required(0, 'The application to copy from'));
  const app = await getApp(client, context.required(1, 'The application to copy to'));
  const missing = source.services.filter((name) => !app.services.includes(name));
  if (source.services.length === 0) throw new VmcError(`Application '${source.name}' has no services`);
  if (missing.length === 0) {
    ui.say(`Application '${app.name}' has all of them already`);
    return;
  }
  const services = [...app.services, ...missing];
  await ui.step(`Binding Services [${missing.join(', ')}]`, () => putApp(client, app, { services }));
  await updateIfStarted(platformOf(context, client), app);
}

async function rebind(context: Context, appName: string, service: string, bind: boolean): Promise<void> {
  const client = await context.client();
  const app = await getApp(client, appName);
  const bound = app.services.includes(service);
  if (bound === bind) {
    if (!bind) throw new VmcError(`Service '${service}' is not bound to '${appName}'`);
    context.ui.say(`Service '${service}' is bound to '${appName}' already`);
    return;
  }
  const rest = app.services.filter((name) => name !== service);
  await context.ui.step(`${bind ? 'Binding' : 'Unbinding'} Service [${service}]`, () =>
    putApp(client, app, { services: bind ? [...rest, service] : rest }),
  );
  await updateIfStarted(platformOf(context, client), app);
}
