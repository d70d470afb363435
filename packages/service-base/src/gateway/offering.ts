import { ServiceError, serviceErrors } from '@vcap/service-api';
import type { Offering, ProvisionRequest } from '@vcap/service-api';
import type { GatewayConfig } from './config.ts';

type Service = GatewayConfig['service'];

/** `name-version`: what the offering is known by. */
export function labelOf({ name, version }: Service): string {
  return `${name}-${version}`;
}

/** A plan's id where the configuration gives none, as the cloud controller makes it too. */
function planId(service: Service, plan: string): string {
  const own = service.plans[plan]?.unique_id;
  return own ?? `${service.unique_id ?? `${service.provider}_${service.name}`}_${plan}`;
}

/** What the cloud controller is told; only the fields that its era knows. */
export function offeringOf(
  config: Pick<GatewayConfig, 'service' | 'era'>,
  url: string,
  active: boolean,
): Offering {
  const { service, era } = config;
  const label = labelOf(service);
  const plans = Object.keys(service.plans);
  const common: Offering = {
    label,
    url,
    plans,
    active,
    tags: service.tags,
    description: service.description,
    timeout: service.timeout,
    ...(service.info_url === undefined ? {} : { info_url: service.info_url }),
    ...(service.plan_options === undefined ? {} : { plan_options: service.plan_options }),
    ...(service.acls === undefined ? {} : { acls: service.acls }),
  };
  if (era === '2012') return active ? common : { label, url, active };
  const extra = extraOf(service);
  return {
    ...common,
    provider: service.provider,
    supported_versions: service.supported_versions,
    version_aliases: service.version_aliases,
    plan_details: Object.entries(service.plans).map(([name, plan]) => ({
      name,
      free: plan.free,
      description: plan.description ?? `${service.name} ${name}`,
      unique_id: planId(service, name),
      ...(plan.extra === undefined ? {} : { extra: plan.extra }),
    })),
    unique_id: service.unique_id ?? `${service.provider}_${service.name}`,
    ...(service.default_plan === undefined ? {} : { default_plan: service.default_plan }),
    ...(extra === undefined ? {} : { extra }),
  };
}

function extraOf({ logo_url, blurb, provider_name }: Service): string | undefined {
  if (logo_url === undefined && blurb === undefined && provider_name === undefined) return undefined;
  return JSON.stringify({ listing: { imageUrl: logo_url, blurb }, provider: { name: provider_name } });
}

/** The plan and version that a request means. */
export function resolve(service: Service, request: ProvisionRequest): { plan: string; version: string } {
  const { unique_id: id, label } = request;
  const byId =
    id == null ? undefined : Object.keys(service.plans).find((plan) => planId(service, plan) === id);
  if (byId === undefined) {
    if (label == null && request.plan == null)
      throw new ServiceError(serviceErrors.unknownLabel, id ?? '(none)');
    if (label != null && !isLabel(service, label)) throw new ServiceError(serviceErrors.unknownLabel, label);
  }
  const plan = byId ?? request.plan ?? service.default_plan ?? Object.keys(service.plans)[0] ?? 'free';
  if (!Object.hasOwn(service.plans, plan)) throw new ServiceError(serviceErrors.unknownPlan, plan);
  return { plan, version: resolveVersion(service, request.version ?? service.version) };
}

function isLabel(service: Service, label: string): boolean {
  if (label === service.name || label === labelOf(service)) return true;
  return label.startsWith(`${service.name}-`) && knowsVersion(service, label.slice(service.name.length + 1));
}

function knowsVersion({ supported_versions, version_aliases }: Service, version: string): boolean {
  return supported_versions.includes(version) || Object.hasOwn(version_aliases, version);
}

function resolveVersion(service: Service, version: string): string {
  const real = Object.hasOwn(service.version_aliases, version) ? service.version_aliases[version] : version;
  const known = service.supported_versions;
  if (real === undefined || (known.length > 0 && !known.includes(real))) {
    throw new ServiceError(serviceErrors.unsupportedVersion, version);
  }
  return real;
}
