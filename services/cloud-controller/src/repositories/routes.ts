import { randomUUID } from 'node:crypto';
import { ApiError } from '../errors.ts';
import type { Queryable } from '../db/open.ts';
import { isDuplicate } from '../db/open.ts';
import type { RouteName } from '../domain/urls.ts';

/**
 * Replaces the URLs of an app. A URL is taken while another space has it mapped (throws 701); one that no app
 * has any more goes to whoever asks next. Call it inside a transaction.
 */
export async function replaceRoutes(
  tx: Queryable,
  app: { id: number; spaceId: number },
  wanted: readonly RouteName[],
  now: number,
): Promise<void> {
  const routeIds: number[] = [];
  for (const name of wanted) routeIds.push(await obtainRoute(tx, app.spaceId, name, now));
  await tx.deleteFrom('apps_routes').where('app_id', '=', app.id).execute();
  if (routeIds.length > 0) {
    await tx
      .insertInto('apps_routes')
      .values(routeIds.map((id) => ({ app_id: app.id, route_id: id })))
      .execute();
  }
  await removeUnmapped(tx, app.spaceId);
}

/** Forgets the space's routes that lead to no app. */
export async function removeUnmapped(tx: Queryable, spaceId: number): Promise<void> {
  const unmapped = await tx
    .selectFrom('routes')
    .leftJoin('apps_routes', 'apps_routes.route_id', 'routes.id')
    .select('routes.id')
    .where('routes.space_id', '=', spaceId)
    .where('apps_routes.app_id', 'is', null)
    .execute();
  const ids = unmapped.map((row) => row.id);
  if (ids.length > 0) await tx.deleteFrom('routes').where('id', 'in', ids).execute();
}

async function obtainRoute(tx: Queryable, spaceId: number, name: RouteName, now: number): Promise<number> {
  const present = await tx
    .selectFrom('routes')
    .select(['id', 'space_id'])
    .where('fqdn', '=', name.fqdn)
    .executeTakeFirst();
  if (present) {
    if (present.space_id !== spaceId) throw new ApiError(701, name.fqdn);
    return present.id;
  }
  const domainId = await obtainDomain(tx, name.domain, now);
  try {
    const { insertId } = await tx
      .insertInto('routes')
      .values({
        guid: randomUUID(),
        host: name.host,
        domain_id: domainId,
        space_id: spaceId,
        fqdn: name.fqdn,
        created_at: now,
      })
      .executeTakeFirstOrThrow();
    return Number(insertId);
  } catch (error) {
    if (isDuplicate(error)) throw new ApiError(701, name.fqdn);
    throw error;
  }
}

async function obtainDomain(tx: Queryable, name: string, now: number): Promise<number> {
  const find = () => tx.selectFrom('domains').select('id').where('name', '=', name);
  const present = await find().executeTakeFirst();
  if (present) return present.id;
  try {
    const { insertId } = await tx
      .insertInto('domains')
      .values({ guid: randomUUID(), name, created_at: now })
      .executeTakeFirstOrThrow();
    return Number(insertId);
  } catch (error) {
    if (!isDuplicate(error)) throw error;
    // Made by another transaction since ours took its snapshot: a locking read sees it.
    return (await find().forUpdate().executeTakeFirstOrThrow()).id;
  }
}
