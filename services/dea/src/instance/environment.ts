import { z } from 'zod';
import type { StartMessage } from '@vcap/bus';

/** What the environment is made from. */
export interface EnvironmentInput {
  message: StartMessage;
  instanceId: string;
  host: string;
  port: number;
  /** Directories as the application sees them. */
  homeDir: string;
  tmpDir: string;
  /** PATH without anything of the DEA's own. */
  path: string;
  startedAtMs: number;
}

const MEGABYTE = 1024 * 1024;
const credentialsSchema = z.looseObject({
  host: z.string().optional(),
  hostname: z.string().optional(),
  port: z.union([z.int(), z.string()]).optional(),
});

/** `2012-05-14 06:51:11 +0000`, the time format of v1 messages. */
export function v1Time(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} +0000`;
}

/** The whole environment of an application (api-v1.md §4); the user's own entries come last and win. */
export function buildEnvironment(input: EnvironmentInput): Record<string, string> {
  const { message, host, port } = input;
  const application = JSON.stringify(vcapApplication(input));
  const env: Record<string, string> = {
    PATH: input.path,
    LANG: 'C.UTF-8',
    HOME: input.homeDir,
    TMPDIR: input.tmpDir,
    PORT: String(port),
    MEMORY_LIMIT: `${message.limits.mem}m`,
    VCAP_APPLICATION: application,
    VCAP_SERVICES: JSON.stringify(vcapServices(message)),
    VCAP_APP_HOST: host,
    VCAP_APP_PORT: String(port),
    VCAP_DEBUG_IP: '',
    VCAP_DEBUG_PORT: '',
    VCAP_CONSOLE_IP: '',
    VCAP_CONSOLE_PORT: '',
    VMC_WARNING_WARNING: 'All VMC_* environment variables are deprecated, please use VCAP_* versions.',
    VMC_SERVICES: JSON.stringify(vmcServices(message)),
    VMC_APP_INSTANCE: application,
    VMC_APP_NAME: message.name,
    VMC_APP_ID: input.instanceId,
    VMC_APP_VERSION: message.version,
    VMC_APP_HOST: host,
    VMC_APP_PORT: String(port),
  };
  for (const service of message.services) Object.assign(env, vendorAddress(service));
  for (const entry of message.env) {
    const cut = entry.indexOf('=');
    if (cut > 0 && !entry.includes('\0')) env[entry.slice(0, cut)] = unquote(entry.slice(cut + 1));
  }
  return env;
}

function vcapApplication(input: EnvironmentInput): Record<string, unknown> {
  const { message, host, port, startedAtMs } = input;
  const { mem, disk, fds } = message.limits;
  return {
    ...message.vcap_application,
    instance_id: input.instanceId,
    instance_index: message.index,
    name: message.name,
    uris: message.uris,
    users: message.users ?? [],
    version: message.version,
    start: v1Time(startedAtMs),
    ...(message.runtime == null ? {} : { runtime: message.runtime }),
    state_timestamp: Math.floor(startedAtMs / 1000),
    port,
    limits: { fds, mem: mem * MEGABYTE, disk: disk * MEGABYTE },
    host,
    application_name: message.name,
    application_version: message.version,
    application_uris: message.uris,
    started_at: v1Time(startedAtMs),
    started_at_timestamp: Math.floor(startedAtMs / 1000),
  };
}

type Service = Record<string, unknown>;

function vcapServices({ services }: StartMessage): Record<string, Service[]> {
  const byLabel: Record<string, Service[]> = {};
  for (const service of services) {
    const kept: Service = {};
    for (const key of ['name', 'label', 'plan', 'tags', 'plan_option', 'credentials', 'syslog_drain_url'])
      if (service[key] != null) kept[key] = service[key];
    const label = typeof service['label'] === 'string' ? service['label'] : 'user-provided';
    (byLabel[label] ??= []).push(kept);
  }
  return byLabel;
}

function vmcServices({ services }: StartMessage): Service[] {
  return services.map((service) => ({
    name: service['name'],
    type: service['type'],
    vendor: service['vendor'],
    version: service['version'],
    tier: service['plan'],
    options: service['credentials'] ?? {},
  }));
}

/** VMC_<VENDOR>=host:port of a service that has both. */
function vendorAddress(service: Service): Record<string, string> {
  const credentials = credentialsSchema.safeParse(service['credentials']);
  const vendor = service['vendor'];
  if (!credentials.success || typeof vendor !== 'string') return {};
  const { host, hostname, port } = credentials.data;
  const address = host ?? hostname;
  if (address === undefined || port === undefined) return {};
  return { [`VMC_${vendor.toUpperCase().replaceAll(/\W/g, '_')}`]: `${address}:${port}` };
}

/** v1 pasted values into shell text, so users learned to quote them; one pair of quotes around all is taken off. */
function unquote(value: string): string {
  const match = /^(["'])(.*)\1$/s.exec(value);
  return match?.[2] !== undefined && !match[2].includes(match[1] ?? '') ? match[2] : value;
}
