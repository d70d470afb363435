import { ApiError } from '../../errors.ts';
import { isDuplicate } from '../../db/open.ts';
import type { AppRecord } from '../../ports.ts';
import type { BindingToken } from '../../repositories/binding-tokens.ts';
import type { InstanceRecord } from '../../repositories/service-instances.ts';
import type { SpaceApps } from '../../repositories/apps.ts';
import { audit } from '../context.ts';
import type { Call, Caller, Services } from '../context.ts';
import { beginBind, beginUnbind } from './begin.ts';
import { bind } from './bind.ts';
import { unbind } from './unbind.ts';

/** The caller's instance by the gateway's id of it, or by its alias. Throws 500 unknown, 200 another's. */
export async function ownInstance(services: Services, caller: Caller, id: string): Promise<InstanceRecord> {
  const { instances } = services.store.services;
  const { spaceId } = caller.user;
  const own = (await instances.byName(spaceId, id)) ?? (await instances.byGatewayName(id, { spaceId }));
  if (own) return own;
  throw new ApiError((await instances.byGatewayName(id)) ? 200 : 500);
}

/** A token with which any user can bind an app of theirs to the caller's instance. */
export async function createBindingToken(
  services: Services,
  caller: Caller,
  wish: { service_id: string; binding_options: Record<string, unknown> },
): Promise<{ token: BindingToken; instance: InstanceRecord }> {
  const instance = await ownInstance(services, caller, wish.service_id);
  const token = await services.store.services.bindingTokens.create(instance.id, wish.binding_options, false);
  return { token, instance };
}

/** Binds an app of the caller to an instance of the caller, with a token made for it. The app is not restaged. */
export async function bindOwn(
  services: Services,
  caller: Caller,
  call: Call,
  wish: { service_id: string; app_id: number | string; binding_options: Record<string, unknown> },
): Promise<{ token: BindingToken; instance: InstanceRecord }> {
  const instance = await ownInstance(services, caller, wish.service_id);
  const { binding_options: options } = wish;
  let token: BindingToken | undefined;
  await bindApp(services, caller, call, wish.app_id, async (space, app) => {
    token = await space.services.bindingTokens.create(instance.id, options, true);
    const { id: tokenId } = token;
    return beginBind(
      services,
      space.services,
      { caller, call },
      { appId: app.id, instance, tokenId, options },
    );
  });
  if (!token) throw new ApiError(502);
  return { token, instance };
}

/** Binds an app of the caller to whatever instance the token is for. */
export async function bindByToken(
  services: Services,
  caller: Caller,
  call: Call,
  wish: { binding_token: string; app_id: number | string },
): Promise<void> {
  await bindApp(services, caller, call, wish.app_id, async (space, app) => {
    const token = await space.services.bindingTokens.find(wish.binding_token);
    if (!token) throw new ApiError(502);
    const instance = await space.services.instances.byId(token.instanceId);
    if (!instance) throw new ApiError(500);
    const { id: tokenId, options } = token;
    return beginBind(
      services,
      space.services,
      { caller, call },
      { appId: app.id, instance, tokenId, options },
    );
  });
}

async function bindApp(
  services: Services,
  caller: Caller,
  call: Call,
  appId: number | string,
  begin: (space: SpaceApps, app: AppRecord) => ReturnType<typeof beginBind>,
): Promise<void> {
  const { work, app } = await services.store.apps
    .inSpace(caller.user, async (space) => {
      const found = await findApp(space, appId);
      if (!found) throw new ApiError(301);
      return { work: await begin(space, found), app: found };
    })
    .catch((error: unknown) => {
      if (isDuplicate(error)) throw new ApiError(100, 'the application is bound to this service already');
      throw error;
    });
  await bind(services, call, work);
  const detail = { guid: app.guid, service: work.instance.name };
  await audit(services, caller, call, { type: 'service.bind', targetType: 'app', target: app.name, detail });
}

/** By row id as in v1, or by GUID, which is all that a client of ours ever sees. */
async function findApp(space: SpaceApps, id: number | string): Promise<AppRecord | undefined> {
  return typeof id === 'number' || /^\d+$/.test(id) ? space.byId(Number(id)) : space.byGuid(id);
}

/** Revokes the bindings made with a token: one's own apps' only. A token without a binding is just removed. */
export async function unbindByToken(
  services: Services,
  caller: Caller,
  call: Call,
  text: string,
): Promise<void> {
  const unbinds = await services.store.apps.inSpace(caller.user, async (space) => {
    const tx = space.services;
    const token = await tx.bindingTokens.find(text);
    if (!token) throw new ApiError(501);
    const instance = await tx.instances.byId(token.instanceId);
    if (!instance) throw new ApiError(500);
    const owner = instance.spaceId === caller.user.spaceId;
    const begun = [];
    for (const binding of await tx.bindings.ofToken(token.id)) {
      const own = binding.appId !== null && (await space.byId(binding.appId)) !== undefined;
      if (own || owner) begun.push(await beginUnbind(services, tx, { caller, call }, binding, instance));
    }
    if (begun.length === 0) {
      if (!owner) throw new ApiError(200);
      await tx.bindingTokens.remove(token.id);
    }
    return begun;
  });
  for (const { bindingId, operation } of unbinds) await unbind(services, call, bindingId, operation);
}

/** Removes a token with the bindings made by it. Only the instance's owner may. */
export async function deleteBindingToken(
  services: Services,
  caller: Caller,
  call: Call,
  text: string,
): Promise<void> {
  const unbinds = await services.store.apps.inSpace(caller.user, async (space) => {
    const tx = space.services;
    const token = await tx.bindingTokens.find(text);
    if (!token) throw new ApiError(502);
    const instance = await tx.instances.byId(token.instanceId);
    if (!instance || instance.spaceId !== caller.user.spaceId) throw new ApiError(200);
    const begun = [];
    for (const binding of await tx.bindings.ofToken(token.id)) {
      begun.push(await beginUnbind(services, tx, { caller, call }, binding, instance));
    }
    await tx.bindingTokens.remove(token.id);
    return begun;
  });
  for (const { bindingId, operation } of unbinds) await unbind(services, call, bindingId, operation);
}
