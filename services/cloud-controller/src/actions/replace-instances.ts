import type { AppRecord } from '../ports.ts';
import type { Call, Services } from './context.ts';

/** Longest wait for one new instance; DEAs give up on a start after 60 s themselves. */
const START_LIMIT_MS = 75_000;
/** How long the old instances are safe from the health manager after the last word of the one who replaces them. */
export const REPLACING_LEASE_MS = 3 * START_LIMIT_MS;

/**
 * Puts the instances of `after` in the places of those of `before`, one by one: the new one must serve before the old
 * one goes. Where no DEA has room for both, the old one goes first. When the first new one crashes nothing was lost:
 * `crashed` is answered, and all of `before` serve still.
 */
export async function replaceInstances(
  services: Services,
  call: Call,
  before: AppRecord,
  after: AppRecord,
): Promise<'replaced' | 'overtaken' | 'crashed'> {
  const { instances, store, clock } = services;
  const { trace } = call;
  for (let index = 0; index < after.instances; index += 1) {
    const ours = await store.apps.updateAtVersion(after.guid, after.version, {
      replacingVersion: before.version,
      replacingUntil: clock.now() + REPLACING_LEASE_MS,
    });
    const now = ours ? await store.apps.byGuid(after.guid) : undefined;
    if (!now || now.version !== after.version || now.state !== 'STARTED') return 'overtaken';
    if (index >= now.instances) break;
    await instances.start(now, [index], trace);
    let outcome = await instances.waitRunning(now, index, START_LIMIT_MS);
    if (outcome === 'late' && index < before.instances) {
      await instances.stop(before, [index], trace);
      await instances.start(now, [index], trace);
      outcome = await instances.waitRunning(now, index, START_LIMIT_MS);
    }
    call.log.info({ event: 'instance-replaced', app: after.guid, index, outcome });
    if (outcome === 'crashed' && index === 0) return 'crashed';
    if (index < before.instances) await instances.stop(before, [index], trace);
  }
  // Scaled down meanwhile: what is left of the old ones.
  const rest = Array.from({ length: before.instances }, (_, index) => index).slice(after.instances);
  await instances.stop(before, rest, trace);
  return 'replaced';
}
