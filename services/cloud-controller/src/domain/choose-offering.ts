import { ApiError } from '../errors.ts';
import type { OfferingRecord, Plan } from '../repositories/service-offerings.ts';
import type { User } from '../repositories/users.ts';
import { planVisible } from './service-visibility.ts';

/** The platform's own provider, preferred where several offer the same. */
const CORE = 'core';

/** Who asks: all that visibility depends on. */
export type Viewer = Pick<User, 'email' | 'organizationId'>;

/** Plans that the user may use: offered now, public or shown to the organization, and let in by the access lists. */
export function visiblePlans(offering: OfferingRecord, { email, organizationId }: Viewer): Plan[] {
  return offering.plans.filter(
    (plan) =>
      plan.active &&
      (plan.public || plan.organizations.includes(organizationId)) &&
      planVisible(offering.acls, plan.name, email),
  );
}

/** Active offerings with a plan that the user may use; those of the platform itself first. */
export function visibleOfferings(offerings: readonly OfferingRecord[], viewer: Viewer): OfferingRecord[] {
  return offerings
    .filter((offering) => offering.active && visiblePlans(offering, viewer).length > 0)
    .toSorted((a, b) => Number(b.provider === CORE) - Number(a.provider === CORE));
}

/** Versions that one can ask for, the advertised one first. */
export function versionsOf(offering: OfferingRecord): string[] {
  const current = offering.versionAliases['current'] ?? offering.version;
  const supported = offering.supportedVersions.length > 0 ? offering.supportedVersions : [offering.version];
  return [...new Set([...(supported.includes(current) ? [current] : []), ...supported])];
}

/**
 * The offering and version that are meant. Throws 500 when nobody offers the vendor to this user, 506 when nobody
 * offers the version.
 */
export function chooseOffering(
  offerings: readonly OfferingRecord[],
  viewer: Viewer,
  wish: { vendor: string; version: string | undefined; provider?: string | undefined },
): { offering: OfferingRecord; version: string } {
  const found = visibleOfferings(offerings, viewer).filter(
    ({ label, provider }) =>
      label === wish.vendor && (wish.provider === undefined || provider === wish.provider),
  );
  const [first] = found;
  if (!first) throw new ApiError(500, `nobody offers ${wish.vendor}`);
  if (wish.version === undefined) return { offering: first, version: versionsOf(first)[0] ?? first.version };
  for (const offering of found) {
    const { [wish.version]: aliased } = offering.versionAliases;
    const version = aliased ?? wish.version;
    if (versionsOf(offering).includes(version)) return { offering, version };
  }
  // A label such as `mysql-any`, whose version is none of those that its gateway supports.
  const labelled = found.find(({ version }) => version === wish.version);
  if (labelled) return { offering: labelled, version: versionsOf(labelled)[0] ?? labelled.version };
  throw new ApiError(506, `${wish.version} of ${wish.vendor}; there are ${versionsOf(first).join(', ')}`);
}

/**
 * The plan that is meant. Clients of v1 always ask for the tier `free`: where no plan is named so, it is the default
 * plan or a free one. Throws 100 when there is no such plan for this user.
 */
export function choosePlan(offering: OfferingRecord, viewer: Viewer, tier: string): Plan {
  const plans = visiblePlans(offering, viewer);
  const named = plans.find(({ name }) => name === tier);
  const fallback =
    tier === 'free'
      ? (plans.find(({ name }) => name === offering.defaultPlan) ?? plans.find(({ free }) => free))
      : undefined;
  const plan = named ?? fallback;
  if (plan) return plan;
  throw new ApiError(
    100,
    `${offering.label} has no plan ${tier}; it has ${plans.map(({ name }) => name).join(', ')}`,
  );
}
