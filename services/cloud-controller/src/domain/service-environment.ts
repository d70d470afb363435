import type { BoundService } from '../ports.ts';
import { typeOfVendor } from './service-labels.ts';

/** Schemes of database URIs, and what libraries of applications expect instead (dea-staging-warden.md §1.4). */
const SCHEMES: Readonly<Record<string, string>> = {
  mysql: 'mysql2',
  mysql2: 'mysql2',
  postgres: 'postgres',
  postgresql: 'postgres',
  db2: 'ibmdb',
  informix: 'ibmdb',
};

/** A service as start and staging messages carry it: the fields of all eras. */
export function serviceMessage(service: BoundService): Record<string, unknown> {
  const { name, label, vendor, provider, version, plan, planOption, tags, credentials } = service;
  return {
    name,
    type: typeOfVendor(vendor),
    label,
    vendor,
    provider,
    version,
    tags,
    plan,
    ...(planOption !== null && { plan_option: planOption }),
    credentials,
  };
}

/** `DATABASE_URL=...` from the first service whose URI is that of a database; none where the user has set one. */
export function databaseUrl(services: readonly BoundService[], env: readonly string[]): string[] {
  if (env.some((item) => /^\s*DATABASE_URL\s*=/.test(item))) return [];
  for (const { credentials } of services) {
    const { uri } = credentials;
    const [, scheme, rest] = typeof uri === 'string' ? (/^([a-z0-9]+):(\/\/.*)$/s.exec(uri) ?? []) : [];
    const wanted = scheme !== undefined && Object.hasOwn(SCHEMES, scheme) ? SCHEMES[scheme] : undefined;
    if (wanted !== undefined && rest !== undefined) return [`DATABASE_URL=${wanted}:${rest}`];
  }
  return [];
}

/** What a DEA makes of the list for an application, for stagers that hand on the environment as it is. */
export function stagingEnvironment(services: readonly BoundService[], env: readonly string[]): string[] {
  if (services.length === 0) return [];
  const byLabel: Record<string, unknown[]> = {};
  for (const service of services) {
    const { name, label, plan, tags, plan_option, credentials } = serviceMessage(service);
    (byLabel[service.label] ??= []).push({
      name,
      label,
      tags,
      plan,
      ...(plan_option !== undefined && { plan_option }),
      credentials,
    });
  }
  const old = services.map(({ name, vendor, version, plan, credentials }) => ({
    name,
    type: typeOfVendor(vendor),
    vendor,
    version,
    tier: plan,
    options: credentials,
  }));
  return [
    `VCAP_SERVICES=${JSON.stringify(byLabel)}`,
    `VMC_SERVICES=${JSON.stringify(old)}`,
    ...databaseUrl(services, env),
  ];
}
