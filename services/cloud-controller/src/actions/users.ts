import { z } from 'zod';
import { ApiError } from '../errors.ts';
import { MAX_PASSWORD_LENGTH, hashPassword, verifyPassword } from '../domain/passwords.ts';
import type { User } from '../repositories/users.ts';
import { normalizeEmail } from '../repositories/users.ts';
import { audit, isAdmin } from './context.ts';
import { dropBits } from './delete-app.ts';
import type { Call, Caller, Services } from './context.ts';
import { releaseApp, revokeAll } from './services/app-services.ts';
import { deleteService } from './services/delete-service.ts';

const password = z.string().min(1).max(MAX_PASSWORD_LENGTH);
const registration = z.object({ email: z.email().max(255), password });

/** Parses `body`; throws 100 with the first thing that is wrong. */
function parse<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new ApiError(100, `${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim());
}

/** Makes an account. Open to all while registration is allowed, else to administrators. */
export async function registerUser(
  services: Services,
  caller: Caller | undefined,
  call: Call,
  body: unknown,
): Promise<void> {
  const admin = caller !== undefined && isAdmin(services, caller.user.email);
  if (!services.config.allow_registration && !admin) throw new ApiError(200);
  const wanted = parse(registration, body);
  const address = normalizeEmail(wanted.email);
  // The names of administrators come from the configuration: nobody else may take such an e-mail first.
  if (isAdmin(services, address) && !admin) throw new ApiError(200);
  const user = await services.store.users.create(
    address,
    await hashPassword(wanted.password),
    isAdmin(services, address) ? 'admin' : 'default',
  );
  const actor = caller ?? { user, real: user };
  await audit(services, actor, call, { type: 'user.create', targetType: 'user', target: user.email });
}

/** A token for the right password, or for any user when an administrator asks. Throws 200 otherwise. */
export async function logIn(
  services: Services,
  caller: Caller | undefined,
  email: string,
  body: unknown,
): Promise<string> {
  const user = await services.store.users.byEmail(email);
  const admin = caller !== undefined && isAdmin(services, caller.real.email);
  if (!admin) {
    const given = z.object({ password }).safeParse(body);
    const right = given.success && (await verifyPassword(given.data.password, user?.passwordHash));
    if (!right) throw new ApiError(200);
  }
  if (!user) throw new ApiError(201);
  return services.settings.tokens.sign({
    userGuid: user.guid,
    email: user.email,
    passwordEpoch: user.passwordEpoch,
    expiresAt: services.clock.now() + services.config.keys.token_expiration_seconds * 1000,
  });
}

/** The named user, for themselves and for administrators. Throws 201 unknown, 200 not yours to see. */
export async function lookUpUser(services: Services, caller: Caller, email: string): Promise<User> {
  const self = normalizeEmail(email) === caller.user.email;
  if (!self && !isAdmin(services, caller.real.email)) throw new ApiError(200);
  const user = await services.store.users.byEmail(email);
  if (!user) throw new ApiError(201);
  return user;
}

/** Changes the password of the user named in the path: one's own, or anyone's by an administrator. */
export async function changePassword(
  services: Services,
  caller: Caller,
  call: Call,
  email: string,
  body: unknown,
): Promise<void> {
  const user = await lookUpUser(services, caller, email);
  const wanted = parse(z.object({ password }), body);
  await services.store.users.setPassword(user.id, await hashPassword(wanted.password));
  await audit(services, caller, call, { type: 'user.password', targetType: 'user', target: user.email });
}

/** Removes a user with all their services and apps. Throws 503 when a gateway does not let a service go. */
export async function deleteUser(
  services: Services,
  caller: Caller,
  call: Call,
  email: string,
): Promise<void> {
  if (!isAdmin(services, caller.user.email)) throw new ApiError(200);
  const user = await services.store.users.byEmail(email);
  if (!user) throw new ApiError(201);
  const owner = { user, real: caller.real };
  for (const { id } of await services.store.services.instances.listSpace(user.spaceId)) {
    await deleteService(services, owner, call, (instances) => instances.byId(id));
  }
  if (await services.store.services.instances.anyIn(user.spaceId)) {
    throw new ApiError(503, 'a service of the user is still being deleted; try again in a minute');
  }
  const apps = await services.store.apps.listSpace(user.spaceId);
  const unbinds = await services.store.apps.inSpace(user, async (space) => {
    const released = [];
    for (const app of apps) {
      released.push(...(await releaseApp(services, space, { caller: owner, call }, app)));
      await space.remove(app.id);
    }
    return released;
  });
  await revokeAll(services, call, unbinds);
  for (const app of apps) {
    const stopped = { ...app, state: 'STOPPED' as const };
    await services.instances.stop(stopped, undefined, call.trace);
    services.instances.announceUpdated(stopped, call.trace);
    await dropBits(services, call, app.guid);
  }
  await services.store.users.remove(user);
  await audit(services, caller, call, {
    type: 'user.delete',
    targetType: 'user',
    target: user.email,
    detail: { apps: apps.length },
  });
}
