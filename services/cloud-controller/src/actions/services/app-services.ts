import { ApiError } from '../../errors.ts';
import { inLanes } from '../../bits/in-lanes.ts';
import type { AppRecord } from '../../ports.ts';
import type { SpaceApps } from '../../repositories/apps.ts';
import { audit } from '../context.ts';
import type { Call, Caller, Services } from '../context.ts';
import { beginBind, beginUnbind } from './begin.ts';
import type { Binding, Unbinding } from './begin.ts';
import { bind } from './bind.ts';
import { unbind, unbindLater } from './unbind.ts';

const LANES = 4;

/** What an app's list of services asks of gateways. */
export interface BindingChanges {
  binds: Binding[];
  unbinds: Unbinding[];
}

/**
 * Brings an app's bindings in step with a list of aliases, inside the transaction that saves the app; the gateways are
 * told by `carryOut`. Bindings by token to services of others stay. Throws 500 for an alias that is none.
 */
export async function planBindings(
  services: Services,
  space: SpaceApps,
  who: { caller: Caller; call: Call },
  app: AppRecord,
  aliases: readonly string[],
): Promise<BindingChanges> {
  const { spaceId } = who.caller.user;
  const tx = space.services;
  const wanted = new Set(aliases);
  const changes: BindingChanges = { binds: [], unbinds: [] };
  const bound = new Set<string>();
  for (const binding of await tx.bindings.ofApp(app.id)) {
    const instance = await tx.instances.byId(binding.instanceId);
    if (!instance || instance.spaceId !== spaceId || binding.state === 'deleting') continue;
    if (wanted.has(instance.name)) bound.add(instance.name);
    else changes.unbinds.push(await beginUnbind(services, tx, who, binding, instance));
  }
  for (const alias of wanted) {
    if (bound.has(alias)) continue;
    const instance = await tx.instances.byName(spaceId, alias);
    if (!instance) throw new ApiError(500, `you have no service named ${alias}`);
    changes.binds.push(await beginBind(services, tx, who, { appId: app.id, instance }));
  }
  if (changes.binds.length + changes.unbinds.length > 0) await space.markForRestaging(app.id);
  return changes;
}

/** Tells the gateways. All are told, then the first failure is thrown. */
export async function carryOut(
  services: Services,
  who: { caller: Caller; call: Call },
  app: AppRecord,
  { binds, unbinds }: BindingChanges,
): Promise<void> {
  const failures: unknown[] = [];
  const work: (() => Promise<void>)[] = [
    ...unbinds.map((each) => async () => {
      await auditBinding(services, who, app, 'service.unbind', each.instance.name);
      await unbind(services, who.call, each.bindingId, each.operation);
    }),
    ...binds.map((each) => async () => {
      await bind(services, who.call, each);
      await auditBinding(services, who, app, 'service.bind', each.instance.name);
    }),
  ];
  await inLanes(work, LANES, async (each) => {
    await each().catch((error: unknown) => failures.push(error));
  });
  if (failures.length > 0) throw failures[0];
}

/** Writes down that all bindings of an app go, which itself is about to go; part of the same transaction. */
export async function releaseApp(
  services: Services,
  space: SpaceApps,
  who: { caller: Caller; call: Call },
  app: AppRecord,
): Promise<Unbinding[]> {
  const unbinds: Unbinding[] = [];
  for (const binding of await space.services.bindings.ofApp(app.id)) {
    const instance = await space.services.instances.byId(binding.instanceId);
    if (instance) unbinds.push(await beginUnbind(services, space.services, who, binding, instance));
  }
  return unbinds;
}

/** Tells the gateways of a deleted app's bindings. Never rejects: the janitor has what fails. */
export async function revokeAll(
  services: Services,
  call: Call,
  unbinds: readonly Unbinding[],
): Promise<void> {
  await inLanes(unbinds, LANES, ({ bindingId, operation }) =>
    unbindLater(services, call, bindingId, operation),
  );
}

async function auditBinding(
  services: Services,
  { caller, call }: { caller: Caller; call: Call },
  app: AppRecord,
  type: 'service.bind' | 'service.unbind',
  service: string,
): Promise<void> {
  await audit(services, caller, call, {
    type,
    targetType: 'app',
    target: app.name,
    detail: { guid: app.guid, service },
  });
}
