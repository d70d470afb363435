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
  const isolation = services.offered.isolation();
  const info = {
    name: 'vcap',
    build: BUILD,
    // Clients take an answer without it for another kind of server.
    support: config.support_address || `http://${config.external_uri}`,
    version: VERSION,
    description: config.description,
    allow_debug: config.allow_debug,
    // Not a secret: who brings code here must be able to know beside what it runs.
    ...(isolation === undefined ? {} : { isolation }),
  };
  if (!user) return info;
  const count = await services.store.services.instances.count(user.spaceId);
  const usage = await services.store.apps.usage(user.spaceId);
  return {
    ...info,
    user: user.email,
    limits: capacityOf(services, user.email),
    usage: { memory: usage.memoryMb, apps: usage.startedApps, services: count },
    frameworks: offeredFrameworks(services.offered.runtimes()),
  };
}
