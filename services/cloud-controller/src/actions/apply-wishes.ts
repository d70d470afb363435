import { randomUUID } from 'node:crypto';
import { ApiError } from '../errors.ts';
import { chooseStack } from '../domain/frameworks.ts';
import { checkUrls } from '../domain/urls.ts';
import type { RouteName } from '../domain/urls.ts';
import type { AppRecord } from '../ports.ts';
import type { AppChange } from '../repositories/app-rows.ts';
import type { Usage } from '../repositories/apps.ts';
import type { Capacity } from '../repositories/quotas.ts';
import type { User } from '../repositories/users.ts';
import type { AppWishes } from './app-body.ts';
import { STAGING_LEASE_MS } from './stage-with-lease.ts';
import { capacityOf, isAdmin } from './context.ts';
import type { Services } from './context.ts';

/**
 * Throws 600 when the app, started as wished, would take the account over its memory. `usage` counts the
 * account's started apps, this one's `present` state among them.
 */
export function checkMemory(
  wanted: { state: string; memoryMb: number; instances: number },
  present: AppRecord | undefined,
  usage: Usage,
  capacity: Capacity,
): void {
  if (wanted.state !== 'STARTED') return;
  const own = present?.state === 'STARTED' ? present.memoryMb * present.instances : 0;
  const needed = wanted.memoryMb * wanted.instances - own;
  // Taking less than before is always allowed, even above a limit that was lowered since.
  if (needed > 0 && needed > capacity.memory - usage.memoryMb) throw new ApiError(600, `${capacity.memory}M`);
}

/** Checks the wished URLs for their owner; undefined when none were given. */
export function checkWishedUrls(services: Services, owner: User, wishes: AppWishes): RouteName[] | undefined {
  if (!wishes.uris) return undefined;
  return checkUrls(wishes.uris, services.settings.urlRules, {
    admin: isAdmin(services, owner.email),
    maxUris: capacityOf(services, owner.email).app_uris,
  });
}

/** Throws 309 for a start in debug mode where that is not allowed. */
export function checkExtras(services: Services, wishes: AppWishes): void {
  if (wishes.debug !== null && !services.config.allow_debug) throw new ApiError(309);
}

/** The framework and runtime of an app as wished, over the present ones. */
export function wishedStack(
  services: Services,
  wishes: AppWishes,
  present: AppRecord | undefined,
): { framework: string; runtime: string | null } {
  const framework = wishes.framework ?? present?.framework;
  if (framework === undefined || framework === '') throw new ApiError(308, 'NONE');
  const unchanged = present !== undefined && framework === present.framework;
  if (
    unchanged &&
    (wishes.runtime === undefined || wishes.runtime === null || wishes.runtime === present.runtime)
  ) {
    return { framework, runtime: present.runtime };
  }
  return chooseStack(framework, wishes.runtime ?? null, services.offered.runtimes());
}

/** The columns that a PUT changes. A start gets a new version, so that its instances are told from older ones. */
export function changeOf(
  services: Services,
  wishes: AppWishes,
  present: AppRecord,
): AppChange & { state: AppRecord['state']; memoryMb: number; instances: number } {
  const state = wishes.state ?? present.state;
  const stack = wishedStack(services, wishes, present);
  // Another framework or runtime makes another droplet.
  const restage = stack.framework !== present.framework || stack.runtime !== present.runtime;
  return {
    ...stack,
    state,
    memoryMb: wishes.memoryMb ?? present.memoryMb,
    instances: wishes.instances ?? present.instances,
    debug: wishes.debug,
    console: wishes.console,
    metaVersion: present.metaVersion + 1,
    ...(wishes.command !== undefined && { command: wishes.command }),
    ...(wishes.env && { env: wishes.env }),
    ...(restage && { packageState: 'PENDING' as const, stagingLeaseUntil: 0 }),
    ...(state === 'STARTED' &&
      present.state !== 'STARTED' && {
        version: randomUUID(),
        stagingError: null,
        stagingLeaseUntil: services.clock.now() + STAGING_LEASE_MS,
      }),
  };
}
