import { z } from 'zod';

const credentialsSchema = z.looseObject({
  host: z.string().optional(),
  hostname: z.string().optional(),
  port: z.union([z.int(), z.string()]).optional(),
});
const uriSchema = z.looseObject({ uri: z.string() });
/** Schemes of databases, and what Rails calls them. */
const DATABASES: Readonly<Record<string, string>> = {
  mysql: 'mysql2',
  mysql2: 'mysql2',
  postgres: 'postgres',
  postgresql: 'postgres',
  db2: 'ibmdb',
  informix: 'ibmdb',
};

type Service = Record<string, unknown>;

/** VCAP_SERVICES: by label, without null members. */
export function vcapServices(services: readonly Service[]): Record<string, Service[]> {
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

/** VMC_SERVICES, the older list. */
export function vmcServices(services: readonly Service[]): Service[] {
  return services.map((service) => ({
    name: service['name'],
    type: service['type'],
    vendor: service['vendor'],
    version: service['version'],
    tier: service['plan'],
    options: service['credentials'] ?? {},
  }));
}

/** Where a bound service is, if its credentials say. */
export function serviceAddress(service: Service): { host: string; port: number } | undefined {
  const credentials = credentialsSchema.safeParse(service['credentials']);
  if (!credentials.success) return undefined;
  const host = credentials.data.host ?? credentials.data.hostname;
  const port = Number(credentials.data.port);
  return host === undefined || !Number.isInteger(port) ? undefined : { host, port };
}

/** VMC_<VENDOR>=host:port of a service that has both. */
export function vendorAddress(service: Service): Record<string, string> {
  const address = serviceAddress(service);
  const vendor = service['vendor'];
  if (address === undefined || typeof vendor !== 'string') return {};
  const name = `VMC_${vendor.toUpperCase().replaceAll(/\W/g, '_')}`;
  return { [name]: `${address.host}:${address.port}` };
}

/** DATABASE_URL: the first bound service whose uri is that of a database. */
export function databaseUrl(services: readonly Service[]): string | undefined {
  for (const service of services) {
    const uri = uriSchema.safeParse(service['credentials']).data?.uri;
    const scheme = /^([a-z0-9]+):\/\//.exec(uri ?? '')?.[1] ?? '';
    const adapter = Object.hasOwn(DATABASES, scheme) ? DATABASES[scheme] : undefined;
    if (uri !== undefined && adapter !== undefined) return adapter + uri.slice(scheme.length);
  }
  return undefined;
}
