import { readFileSync } from 'node:fs';
import { serviceTokenHeader } from '@vcap/service-api';
import { Command, CommanderError } from 'commander';
import { request } from 'undici';
import { parse } from 'yaml';
import { z } from 'zod';
import { registrationSchema } from './domain/brokered-service.ts';

const settingsSchema = z.looseObject({
  url: z.string().optional(),
  external_uri: z.string().optional(),
  token: z.string().optional(),
});

export interface CliContext {
  env: NodeJS.ProcessEnv;
  out: (line: string) => void;
}

/** Something the user can mend. */
class CliError extends Error {}

/**
 * Registers, lists and removes brokered services. The token comes from the broker's own file or from the variable
 * SERVICE_BROKER_TOKEN, never from the arguments, which everybody on the machine can read. Gives the exit status.
 */
export async function runCli(args: readonly string[], { env, out }: CliContext): Promise<number> {
  const program = new Command('service-broker-cli');
  program
    .description('Offer any address with credentials as a service')
    .option(
      '--config <file>',
      "the broker's service-broker.yml: its url, else its external_uri, and its token are used",
    )
    .option('--broker <url>', 'address of the broker')
    .exitOverride()
    .configureOutput({ writeOut: (text) => out(text.trimEnd()), writeErr: (text) => out(text.trimEnd()) });
  const ask = (method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<unknown> =>
    call(target(program.opts(), env), method, path, body);
  program
    .command('register <file>')
    .description('register the service described in a YAML or JSON file (label, description, options)')
    .action(async (file: string) => {
      const registration = registrationOf(file);
      await ask('POST', '/service-broker/v1/offerings', registration);
      out(`${registration.label} is registered with ${registration.options.length} option(s).`);
    });
  program
    .command('remove <label>')
    .description('remove a label (name-version) with all its options')
    .action(async (label: string) => {
      await ask('DELETE', `/service-broker/v1/offerings/${encodeURIComponent(label)}`);
      out(`${label} is removed.`);
    });
  program
    .command('list')
    .description('list what is registered')
    .action(async () => {
      const { offerings } = (await ask('GET', '/service-broker/v1/offerings')) as {
        offerings: { label: string; description: string }[];
      };
      for (const { label, description } of offerings) out(`${label}\t${description}`);
      if (offerings.length === 0) out('Nothing is registered.');
    });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    out(`Error: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

function registrationOf(file: string): z.infer<typeof registrationSchema> {
  const result = registrationSchema.safeParse(parse(readFileSync(file, 'utf8')));
  if (result.success) return result.data;
  const issues = result.error.issues.map(({ path, message }) => `${path.join('.') || '(top)'}: ${message}`);
  throw new CliError(`${file} is no registration: ${issues.join('; ')}`);
}

interface Target {
  url: string;
  token: string;
}

function target(options: { config?: string; broker?: string }, env: NodeJS.ProcessEnv): Target {
  const file =
    options.config === undefined ? {} : settingsSchema.parse(parse(readFileSync(options.config, 'utf8')));
  const url =
    options.broker ??
    file.url ??
    (file.external_uri === undefined ? undefined : `http://${file.external_uri}`);
  const token = env['SERVICE_BROKER_TOKEN'] ?? file.token;
  if (url === undefined)
    throw new CliError('which broker? Give --broker <url> or --config <service-broker.yml>');
  if (token === undefined)
    throw new CliError('no token: give --config <service-broker.yml> or set SERVICE_BROKER_TOKEN');
  return { url: url.replace(/\/+$/, ''), token };
}

async function call(
  { url, token }: Target,
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  body: unknown,
): Promise<unknown> {
  const response = await request(url + path, {
    method,
    headers: { 'Content-Type': 'application/json', [serviceTokenHeader]: token },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch((cause: unknown) => {
    throw new CliError(`${url} does not answer: ${cause instanceof Error ? cause.message : ''}`, { cause });
  });
  const text = await response.body.text();
  if (response.statusCode === 200) return JSON.parse(text);
  throw new CliError(`the broker answered ${response.statusCode}: ${text.slice(0, 500)}`);
}
