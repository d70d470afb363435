import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { Client } from '../api/client.ts';
import { Transport } from '../api/transport.ts';
import type { Context } from '../context.ts';
import { UsageError, VmcError } from '../errors.ts';

const path = '/service-broker/v1/offerings';
/** What must be there; the broker has the last word. */
const registration = z.looseObject({
  label: z.string(),
  options: z.array(z.looseObject({ name: z.string() })).min(1),
});

/** `register-service file --broker URL`: offers what a YAML or JSON file describes to the users of the cloud. */
export async function registerService(context: Context): Promise<void> {
  const file = resolve(context.host.cwd, context.required(0, 'The file'));
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new VmcError(`The file ${file} cannot be read`, { cause });
  });
  const document = registration.safeParse(parse(text));
  if (!document.success)
    throw new VmcError(`${file} describes no service`, {
      hint: 'It needs a label like name-1.0 and options, each with a name and credentials.',
    });
  const { label } = document.data;
  await withBroker(context, (client) =>
    context.ui.step(`Registering service [${label}]`, () => client.send('POST', path, document.data)),
  );
}

/** `unregister-service label --broker URL` */
export async function unregisterService(context: Context): Promise<void> {
  const label = context.required(0, 'The label, like name-1.0,');
  await withBroker(context, (client) =>
    context.ui.step(`Removing service [${label}]`, () =>
      client.send('DELETE', `${path}/${encodeURIComponent(label)}`),
    ),
  );
}

/** The broker's token comes from the environment or is asked for; arguments are for everybody to see. */
async function withBroker(context: Context, work: (client: Client) => Promise<void>): Promise<void> {
  const { host, flags, prompt } = context;
  if (flags.broker === undefined)
    throw new UsageError('The broker is missing', 'Give its address with --broker URL.');
  const url = /^https?:\/\//i.test(flags.broker) ? flags.broker : `http://${flags.broker}`;
  const token = host.env['SERVICE_BROKER_TOKEN'] ?? (await prompt.secret('Token of the broker'));
  const transport = new Transport(url, host.env);
  try {
    await work(new Client({ transport, headers: { 'X-VCAP-Service-Token': token } }));
  } finally {
    transport.close();
  }
}
