import { isFlapping } from './backoff.ts';
import type { Fresh, TrustedDesired } from './freshness.ts';
import type { Ledger } from './ledger.ts';
import { holdsIndex } from './types.ts';
import type { ActualInstance, ActualView, Command, DesiredApp, RunningCounts, Settings } from './types.ts';

/** All that a decision is made from. Both views are fresh by their type. */
export interface Situation {
  readonly desired: Fresh<TrustedDesired>;
  readonly actual: Fresh<ActualView>;
  readonly ledger: Ledger;
  readonly settings: Settings;
  /** Monotonic ms. */
  readonly now: number;
}

/** The orders for one app, and when the next one of it falls due (monotonic ms). */
export interface Findings {
  readonly commands: Command[];
  readonly nextDue: number | undefined;
}

/** Decides on one app: starts of empty indices, stops of what is too much. Reads only. */
export function analyseApp(id: string, situation: Situation): Findings {
  const { desired, actual } = situation;
  if (desired.opaque.has(id)) return { commands: [], nextDue: undefined };
  const instances = [...(actual.apps.get(id)?.values() ?? [])].filter(holdsIndex);
  const app = desired.apps.get(id);
  if (app === undefined) return { commands: absent(id, instances, situation), nextDue: undefined };
  const starts = missing(app, instances, situation);
  // What is too much may be what serves until the missing is back: stops wait for a pass without starts.
  const stops =
    starts.commands.length > 0
      ? []
      : [...extra(app, instances, situation), ...doubles(app, instances, situation)];
  return { commands: [...starts.commands, ...stops], nextDue: starts.nextDue };
}

function missing(app: DesiredApp, instances: ActualInstance[], situation: Situation): Findings {
  const { ledger, settings, now } = situation;
  const commands: Command[] = [];
  let nextDue: number | undefined;
  if (!app.started || !app.staged) return { commands, nextDue };
  const held = new Set(instances.filter((one) => one.version === app.version).map((one) => one.index));
  for (let index = 0; index < app.instances; index += 1) {
    if (held.has(index)) continue;
    const slot = ledger.slot({ droplet: app.id, version: app.version, index });
    if (slot === undefined) continue;
    const due = Math.max(
      slot.due ?? slot.expectedSince + settings.startGraceMs,
      (slot.sentAt ?? -Infinity) + settings.resendMs,
    );
    if (due > now) {
      nextDue = Math.min(nextDue ?? due, due);
      continue;
    }
    commands.push({
      kind: 'start',
      droplet: app.id,
      version: app.version,
      lastUpdated: app.updatedAt,
      index,
      running: counts(instances),
      flapping: isFlapping(slot.crashes, settings),
      after: slot.last,
      why: slot.why,
    });
  }
  return { commands, nextDue };
}

function extra(app: DesiredApp, instances: ActualInstance[], situation: Situation): Command[] {
  return instances.flatMap((instance) => {
    const why = reasonToStop(app, instance);
    if (why === undefined || !mayStop(instance, situation)) return [];
    return [stop(app, instance, instances, why)];
  });
}

function reasonToStop(
  app: DesiredApp,
  instance: ActualInstance,
): 'app-stopped' | 'version-not-desired' | 'index-too-high' | undefined {
  if (!app.started) return 'app-stopped';
  // While the new version is being staged the old one is all that serves.
  if (instance.version !== app.version) return app.staged ? 'version-not-desired' : undefined;
  return instance.index >= app.instances ? 'index-too-high' : undefined;
}

function doubles(app: DesiredApp, instances: ActualInstance[], situation: Situation): Command[] {
  const { settings, now } = situation;
  if (!app.started) return [];
  const byIndex = Map.groupBy(
    instances.filter((one) => one.version === app.version && one.index < app.instances),
    (one) => one.index,
  );
  return [...byIndex.values()].flatMap((group) => {
    const [keeper, ...others] = group.toSorted(seniority);
    // A keeper that was not heard lately may be dead already: never stop the last one that lives.
    if (keeper === undefined || now - keeper.lastBeat > settings.lostMs / 2) return [];
    return others
      .filter((one) => !stopPending(one, situation))
      .map((one) => stop(app, one, instances, 'duplicate'));
  });
}

function seniority(a: ActualInstance, b: ActualInstance): number {
  if (a.state !== b.state) return a.state === 'RUNNING' ? -1 : 1;
  return (
    a.stateTimestamp - b.stateTimestamp || a.firstSeen - b.firstSeen || (a.instance < b.instance ? -1 : 1)
  );
}

function absent(id: string, instances: ActualInstance[], situation: Situation): Command[] {
  const { desired, settings, now } = situation;
  if (!desired.absenceTrusted) return [];
  return instances
    .filter((one) => now - one.firstSeen > 2 * settings.scanMs && mayStop(one, situation))
    .map((one) => stop({ id, version: one.version, updatedAt: 0 }, one, instances, 'app-absent'));
}

/** The walk must have begun after the instance was seen (else it may predate it), and no stop be under way. */
function mayStop(instance: ActualInstance, situation: Situation): boolean {
  return situation.desired.startedAt >= instance.firstSeen && !stopPending(instance, situation);
}

function stopPending(instance: ActualInstance, { ledger, settings, now }: Situation): boolean {
  const sentAt = ledger.stopSentAt(instance.instance);
  return sentAt !== undefined && now - sentAt < settings.resendMs;
}

function stop(
  app: Pick<DesiredApp, 'id' | 'version' | 'updatedAt'>,
  instance: ActualInstance,
  instances: ActualInstance[],
  why: Extract<Command, { kind: 'stop' }>['why'],
): Command {
  return {
    kind: 'stop',
    droplet: app.id,
    version: app.version,
    lastUpdated: app.updatedAt,
    instance: instance.instance,
    index: instance.index,
    instanceVersion: instance.version,
    running: counts(instances),
    why,
  };
}

/** Instances by version. */
export function counts(instances: Iterable<ActualInstance>): RunningCounts {
  const result: Record<string, number> = {};
  for (const { version } of instances) result[version] = (result[version] ?? 0) + 1;
  return result;
}
