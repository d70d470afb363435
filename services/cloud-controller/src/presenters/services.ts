import type { OfferingRecord } from '../repositories/service-offerings.ts';
import type { InstanceRecord } from '../repositories/service-instances.ts';
import type { Operation } from '../repositories/service-operations.ts';
import { versionsOf, visibleOfferings, visiblePlans } from '../domain/choose-offering.ts';
import type { Viewer } from '../domain/choose-offering.ts';
import { typeOfVendor } from '../domain/service-labels.ts';

type Tree = Record<string, Record<string, Record<string, unknown>>>;

/** GET /info/services: type, vendor, version, offering (api-v1.md §1.1b), as this user may see it. */
export function presentOfferings(offerings: readonly OfferingRecord[], viewer: Viewer): Tree {
  const tree: Tree = {};
  for (const offering of visibleOfferings(offerings, viewer)) {
    const type = typeOfVendor(offering.label);
    const versions = ((tree[type] ??= {})[offering.label] ??= {});
    // The first of several providers keeps a version.
    for (const version of versionsOf(offering))
      versions[version] ??= presentOffering(offering, version, viewer);
  }
  return tree;
}

function presentOffering(offering: OfferingRecord, version: string, viewer: Viewer): unknown {
  const tiers = visiblePlans(offering, viewer)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name }, at) => {
      const option = offering.planOptions?.[name];
      return [name, { options: option == null ? {} : { plan_option: option }, order: at + 1 }] as const;
    });
  return {
    id: offering.id,
    vendor: offering.label,
    version,
    type: typeOfVendor(offering.label),
    provider: offering.provider,
    description: offering.description ?? '-',
    ...(offering.infoUrl !== null && { info_url: offering.infoUrl }),
    tiers: Object.fromEntries(tiers),
  };
}

/** An instance as GET /services tells it (api-v1.md §1.5); `meta.operation` is ours. */
export function presentInstance(instance: InstanceRecord, operation: Operation | undefined): unknown {
  return {
    name: instance.name,
    type: typeOfVendor(instance.label),
    vendor: instance.label,
    provider: instance.provider,
    version: instance.version,
    tier: instance.plan,
    properties: {},
    ...(instance.dashboardUrl !== null && { dashboard_url: instance.dashboardUrl }),
    meta: {
      created: Math.floor(instance.createdAt / 1000),
      updated: Math.floor(instance.updatedAt / 1000),
      tags: instance.tags,
      version: 1,
      ...(operation && {
        operation: {
          kind: operation.kind,
          state: operation.state,
          ...(operation.reason !== null && { reason: operation.reason }),
        },
      }),
    },
  };
}

/** An offering as its own gateway reads it back: each field that is set. */
export function presentOwnOffering(offering: OfferingRecord): Record<string, unknown> {
  const fields = {
    label: `${offering.label}-${offering.version}`,
    provider: offering.provider,
    url: offering.url,
    description: offering.description,
    info_url: offering.infoUrl,
    tags: offering.tags.length > 0 ? offering.tags : null,
    plans: offering.plans.filter(({ active }) => active).map(({ name }) => name),
    plan_options: offering.planOptions,
    binding_options: offering.bindingOptions,
    acls: offering.acls,
    active: offering.active,
    timeout: offering.timeoutSeconds,
    supported_versions: offering.supportedVersions.length > 0 ? offering.supportedVersions : null,
    version_aliases: Object.keys(offering.versionAliases).length > 0 ? offering.versionAliases : null,
    default_plan: offering.defaultPlan,
    extra: offering.extra,
    unique_id: offering.uniqueId,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}
