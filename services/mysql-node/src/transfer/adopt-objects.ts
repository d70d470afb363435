import type { Logger } from '@vcap/component';
import type { Instance, Registry } from '@vcap/service-base';
import { dataOf, ownUser } from '../instance-data.ts';
import type { DbServer } from '../server/db-server.ts';
import { createObjects, dropObjects, names, readObjects } from './schema-objects.ts';

/**
 * Gives what an account defined to the instance's own account, before the account goes: a view or trigger without a
 * definer fails for everybody. The originals did something like it for routines alone.
 */
export async function adoptObjects(
  db: DbServer,
  instance: Instance,
  user: string,
  registry: Registry,
  log: Logger,
): Promise<void> {
  const objects = await readObjects(db, instance.name, user);
  if (objects.length === 0) return;
  registry.setData(instance.name, { adopting: objects });
  await dropObjects(db, instance.name, objects);
  await finishAdoption(db, { ...instance, data: { ...instance.data, adopting: objects } }, registry, log);
}

/** Makes those that are missing; also after a crash in the middle. */
export async function finishAdoption(
  db: DbServer,
  instance: Instance,
  registry: Registry,
  log: Logger,
): Promise<void> {
  const { adopting } = dataOf(instance);
  if (adopting === null) return;
  const there = new Set((await names(db, instance.name)).map(({ kind, name }) => `${kind} ${name}`));
  const missing = adopting.filter(({ kind, name }) => !there.has(`${kind} ${name}`));
  const refused = await createObjects(db, instance.name, missing, ownUser(instance));
  for (const { name: object, error: err } of refused)
    log.warn({ event: 'mysql-object-not-adopted', instance: instance.name, object, err });
  registry.setData(instance.name, { adopting: null });
}
