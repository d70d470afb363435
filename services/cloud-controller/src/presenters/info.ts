import { capacityOf } from '../actions/context.ts';
import type { Services } from '../actions/context.ts';
import { offeredFrameworks } from '../domain/frameworks.ts';
import type { User } from '../repositories/users.ts';

const BUILD = 2222;
const VERSION = '0.999';

/** GET /info: what a client needs to accept the target and, with a user, to count against the limits. */
export async function presentInfo(
  services: Services,
  user: User | undefined,
): Promise<Record<string, unknown>> {
  const { config } = services;
  const info = {
    name: 'vcap',
    build: BUILD,
    support: config.support_address,
    version: VERSION,
    description: config.description,
    allow_debug: config.allow_debug,
  };
  if (!user) return info;
  const usage = await services.store.apps.usage(user.spaceId);
  return {
    ...info,
    user: user.email,
    limits: capacityOf(services, user.email),
    usage: { memory: usage.memoryMb, apps: usage.startedApps, services: 0 },
    frameworks: offeredFrameworks(services.offered.runtimes()),
  };
}
