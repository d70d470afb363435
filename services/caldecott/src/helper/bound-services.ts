import { z } from 'zod';
import type { Destination } from '@vcap/tunnel';

/** A service instance as the application sees it. */
export interface BoundService {
  /** The user's name for it. */
  name: string;
  credentials: Record<string, unknown>;
}

const credentialsSchema = z.record(z.string(), z.unknown());
const v1Entry = z.looseObject({ name: z.string(), options: credentialsSchema });
const v2Entry = z.looseObject({ name: z.string(), credentials: credentialsSchema });

/** The services in `VCAP_SERVICES`, and those that `VMC_SERVICES` alone has; what cannot be read is left out. */
export function boundServices(env: NodeJS.ProcessEnv): BoundService[] {
  const services = new Map<string, BoundService>();
  for (const entry of listOf(parseJson(env['VMC_SERVICES']))) {
    const { data } = v1Entry.safeParse(entry);
    if (data) services.set(data.name, { name: data.name, credentials: data.options });
  }
  const byLabel = parseJson(env['VCAP_SERVICES']);
  for (const entry of Object.values(byLabel ?? {}).flatMap(listOf)) {
    const { data } = v2Entry.safeParse(entry);
    if (data) services.set(data.name, { name: data.name, credentials: data.credentials });
  }
  return [...services.values()];
}

/** The places that the credentials of bound services name: nothing else may be reached. */
export function destinationsOf(services: readonly BoundService[]): Destination[] {
  return services.flatMap(({ credentials }) => [...hostAndPort(credentials), ...fromUrls(credentials)]);
}

function hostAndPort({ host, hostname, port }: Record<string, unknown>): Destination[] {
  const number = Number(port);
  if (!isPort(number)) return [];
  return [host, hostname].flatMap((name) => (isHost(name) ? [{ host: name, port: number }] : []));
}

/** RabbitMQ and others name their place in a URL. */
function fromUrls({ url, uri }: Record<string, unknown>): Destination[] {
  return [url, uri].flatMap((text) => {
    if (typeof text !== 'string' || !URL.canParse(text)) return [];
    const { hostname, port } = new URL(text);
    const host = hostname.replace(/^\[(.*)\]$/, '$1');
    return isHost(host) && isPort(Number(port)) ? [{ host, port: Number(port) }] : [];
  });
}

const isHost = (value: unknown): value is string => typeof value === 'string' && value !== '';
const isPort = (value: number): boolean => Number.isInteger(value) && value >= 1 && value <= 65_535;
const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);

/** An object in JSON, or undefined for anything else. */
export function parseJson(text: string | undefined): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text ?? 'null');
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
