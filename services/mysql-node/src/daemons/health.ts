import { createConnection } from 'mysql2';
import type { Instance } from '@vcap/service-base';
import { schemaExists } from '../accounts/accounts.ts';
import { ownPassword, ownUser } from '../instance-data.ts';
import type { DbServer } from '../server/db-server.ts';

export type Health = 'ok' | 'password-modified' | 'disabled' | 'fail';
const LOGIN_LIMIT_MS = 500;
/** Instances looked at in one round; of more, each has its turn. */
const TURN = 50;
const ER_ACCESS_DENIED = 1045;
/** It was let in and then had too many connections. */
const ER_USER_LIMIT = [1226, 1203];

/** Whether instances can be used as their owner would: by logging in with their own account. */
export class InstanceHealth {
  readonly #known = new Map<string, Health>();
  #turn = 0;

  async round(
    instances: readonly Instance[],
    serverOf: (instance: Instance) => DbServer,
  ): Promise<Record<string, Health>> {
    const names = new Set(instances.map(({ name }) => name));
    for (const name of this.#known.keys()) if (!names.has(name)) this.#known.delete(name);
    const count = Math.min(TURN, instances.length);
    for (let index = 0; index < count; index++) {
      const instance = instances[this.#turn++ % instances.length];
      if (instance) this.#known.set(instance.name, await health(instance, serverOf(instance)));
    }
    return Object.fromEntries(this.#known);
  }
}

async function health(instance: Instance, db: DbServer): Promise<Health> {
  const error = await login(instance, db);
  if (error === undefined || ER_USER_LIMIT.includes(error)) return 'ok';
  if (db.flavour.lockedErrors.includes(error)) return 'disabled';
  if (error !== ER_ACCESS_DENIED) return 'fail';
  return (await schemaExists(db, instance.name).catch(() => false)) ? 'password-modified' : 'fail';
}

/** The server's error number, 0 for no answer at all, nothing when all is well. */
function login(instance: Instance, db: DbServer): Promise<number | undefined> {
  return new Promise((resolve) => {
    const connection = createConnection({
      ...db.address,
      user: ownUser(instance),
      password: ownPassword(instance),
      database: instance.name,
      connectTimeout: LOGIN_LIMIT_MS,
      flags: ['-LOCAL_FILES'],
    });
    const end = (error: unknown): void => {
      connection.destroy();
      resolve(error ? Number((error as { errno?: unknown }).errno ?? 0) || 0 : undefined);
    };
    connection.on('error', end);
    connection.query({ sql: 'SHOW TABLES', timeout: LOGIN_LIMIT_MS }, (error) => end(error));
  });
}
