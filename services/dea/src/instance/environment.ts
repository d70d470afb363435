import type { StartMessage } from '@vcap/bus';
import type { PortUse } from './instance.ts';
import { databaseUrl, vcapServices, vendorAddress, vmcServices } from './service-variables.ts';

/** What the environment is made from. */
export interface EnvironmentInput {
  message: StartMessage;
  instanceId: string;
  /** Address of the DEA, that others reach the application at. */
  address: string;
  ports: Readonly<Record<PortUse, number>>;
  /** Directories as the application sees them. */
  homeDir: string;
  tmpDir: string;
  /** PATH without anything of the DEA's own. */
  path: string;
  startedAtMs: number;
}

const MEGABYTE = 1024 * 1024;
/** What applications listen on: in a container of its own none of the DEA's addresses is theirs. */
const ANY_ADDRESS = '0.0.0.0';

/** `2012-05-14 06:51:11 +0000`, the time format of v1 messages. */
export function v1Time(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} +0000`;
}

/**
 * The whole environment of an application (api-v1.md §4, dea-staging-warden.md §1.4); the user's own entries come last
 * and win. It is handed over as it is and never read by a shell. The port is there without URLs too, as one may be
 * mapped later.
 */
export function buildEnvironment(input: EnvironmentInput): Record<string, string> {
  const { address, message, ports } = input;
  const application = vcapApplication(input);
  const port = String(ports.port);
  const debug = addressOf('DEBUG', ports.debugPort);
  const env: Record<string, string> = {
    PATH: input.path,
    LANG: 'C.UTF-8',
    HOME: input.homeDir,
    TMPDIR: input.tmpDir,
    PORT: port,
    MEMORY_LIMIT: `${message.limits.mem}m`,
    VCAP_APPLICATION: JSON.stringify(application),
    VCAP_SERVICES: JSON.stringify(vcapServices(message.services)),
    VCAP_APP_HOST: ANY_ADDRESS,
    VCAP_APP_PORT: port,
    ...debug,
    ...(ports.debugPort === 0 ? {} : { VCAP_DEBUG_MODE: message.debug ?? '' }),
    ...addressOf('CONSOLE', ports.consolePort),
    ...debugVariables(message, ports.debugPort),
    CF_INSTANCE_INDEX: String(message.index),
    CF_INSTANCE_IP: address,
    CF_INSTANCE_PORT: port,
    CF_INSTANCE_ADDR: `${address}:${port}`,
    CF_INSTANCE_PORTS: JSON.stringify([{ external: ports.port, internal: ports.port }]),
    VMC_WARNING_WARNING: 'All VMC_* environment variables are deprecated, please use VCAP_* versions.',
    VMC_SERVICES: JSON.stringify(vmcServices(message.services)),
    VMC_APP_INSTANCE: JSON.stringify({ ...application, droplet: message.droplet, index: message.index }),
    VMC_APP_NAME: message.name,
    VMC_APP_ID: input.instanceId,
    VMC_APP_VERSION: message.version,
    VMC_APP_HOST: ANY_ADDRESS,
    VMC_APP_PORT: port,
  };
  for (const service of message.services) Object.assign(env, vendorAddress(service));
  const database = databaseUrl(message.services);
  if (database !== undefined) env['DATABASE_URL'] = database;
  for (const entry of message.env) {
    const cut = entry.indexOf('=');
    if (cut > 0 && !entry.includes('\0')) env[entry.slice(0, cut)] = unquote(entry.slice(cut + 1));
  }
  return env;
}

const addressOf = (use: 'DEBUG' | 'CONSOLE', port: number): Record<string, string> => ({
  [`VCAP_${use}_IP`]: port === 0 ? '' : ANY_ADDRESS,
  [`VCAP_${use}_PORT`]: port === 0 ? '' : String(port),
});

/** What makes a runtime listen for a debugger; with `suspend` it waits for one. */
function debugVariables({ debug, runtime }: StartMessage, port: number): Record<string, string> {
  if (port === 0) return {};
  const at = `${ANY_ADDRESS}:${port}`;
  if (runtime?.startsWith('node'))
    return { NODE_ARGS: debug === 'suspend' ? `--inspect-brk=${at}` : `--inspect=${at}` };
  if (runtime?.startsWith('java')) {
    const suspend = debug === 'suspend' ? 'y' : 'n';
    return { JAVA_OPTS: `-agentlib:jdwp=transport=dt_socket,address=${at},server=y,suspend=${suspend}` };
  }
  return {};
}

function vcapApplication(input: EnvironmentInput): Record<string, unknown> {
  const { message, startedAtMs } = input;
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
    port: input.ports.port,
    limits: { fds, mem: mem * MEGABYTE, disk: disk * MEGABYTE },
    host: ANY_ADDRESS,
    application_name: message.name,
    application_version: message.version,
    application_uris: message.uris,
    application_users: message.users ?? [],
    started_at: v1Time(startedAtMs),
    started_at_timestamp: Math.floor(startedAtMs / 1000),
  };
}

/** v1 pasted values into shell text, so users learned to quote them; one pair of quotes around all is taken off. */
function unquote(value: string): string {
  const match = /^(["'])(.*)\1$/s.exec(value);
  return match?.[2] !== undefined && !match[2].includes(match[1] ?? '') ? match[2] : value;
}
