import { randomUUID } from 'node:crypto';
import { ApiError } from '../errors.ts';
import type { Database, Queryable } from '../db/open.ts';
import { inTransaction, isDuplicate } from '../db/open.ts';

/** A person who logs in, with the organization and space that are theirs. */
export interface User {
  id: number;
  guid: string;
  email: string;
  passwordHash: string;
  passwordEpoch: number;
  organizationId: number;
  orgGuid: string;
  spaceId: number;
  spaceGuid: string;
}

/** Everyone's e-mail is kept in lower case and without blanks around it. */
export function normalizeEmail(email: string): string {
  return email.trim().toLowerCase();
}

/** Users, and the organization and space made for each. */
export class Users {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async byEmail(email: string): Promise<User | undefined> {
    return this.#select().where('users.email', '=', normalizeEmail(email)).executeTakeFirst();
  }

  /** All users in order of e-mail, each with the apps in their space. */
  async listWithApps(): Promise<{ email: string; apps: { name: string; state: string }[] }[]> {
    const rows = await this.#database.db
      .selectFrom('users')
      .leftJoin('apps', 'apps.space_id', 'users.default_space_id')
      .select(['users.email', 'apps.name', 'apps.state'])
      .orderBy('users.email')
      .orderBy('apps.name')
      .execute();
    const users = new Map<string, { email: string; apps: { name: string; state: string }[] }>();
    for (const { email, name, state } of rows) {
      const user = users.get(email) ?? { email, apps: [] };
      if (name !== null && state !== null) user.apps.push({ name, state });
      users.set(email, user);
    }
    return [...users.values()];
  }

  async count(): Promise<number> {
    const row = await this.#database.db
      .selectFrom('users')
      .select((e) => e.fn.countAll<number>().as('n'))
      .executeTakeFirstOrThrow();
    return row.n;
  }

  /** Makes the user with an own organization and space. Throws 100 when the e-mail is taken. */
  async create(email: string, passwordHash: string, quota: 'default' | 'admin'): Promise<User> {
    const name = normalizeEmail(email);
    try {
      await inTransaction(this.#database, async (tx) => this.#insert(tx, name, passwordHash, quota));
    } catch (error) {
      if (isDuplicate(error)) throw new ApiError(100, 'this e-mail is already registered');
      throw error;
    }
    const user = await this.byEmail(name);
    if (!user) throw new ApiError(201);
    return user;
  }

  /** Sets a new password; every token made before ends. */
  async setPassword(userId: number, passwordHash: string): Promise<void> {
    await this.#database.db
      .updateTable('users')
      .set((e) => ({ password_hash: passwordHash, password_epoch: e('password_epoch', '+', 1) }))
      .where('id', '=', userId)
      .execute();
  }

  /** Removes the user with space and organization. The space must hold no app any more. */
  async remove(user: User): Promise<void> {
    await inTransaction(this.#database, async (tx) => {
      await tx.deleteFrom('users').where('id', '=', user.id).execute();
      await tx.deleteFrom('organizations').where('id', '=', user.organizationId).execute();
    });
  }

  async #insert(tx: Queryable, email: string, passwordHash: string, quota: string): Promise<void> {
    const now = this.#database.clock.now();
    const quotaRow = await tx
      .selectFrom('quota_definitions')
      .select('id')
      .where('name', '=', quota)
      .executeTakeFirstOrThrow();
    const organization = await tx
      .insertInto('organizations')
      .values({
        guid: randomUUID(),
        name: email,
        quota_definition_id: quotaRow.id,
        lock_counter: 0,
        created_at: now,
      })
      .executeTakeFirstOrThrow();
    const organizationId = Number(organization.insertId);
    const space = await tx
      .insertInto('spaces')
      .values({ guid: randomUUID(), name: email, organization_id: organizationId, created_at: now })
      .executeTakeFirstOrThrow();
    const spaceId = Number(space.insertId);
    const user = await tx
      .insertInto('users')
      .values({
        guid: randomUUID(),
        email,
        password_hash: passwordHash,
        password_epoch: 1,
        default_space_id: spaceId,
        created_at: now,
      })
      .executeTakeFirstOrThrow();
    const userId = Number(user.insertId);
    await tx
      .insertInto('organizations_users')
      .values({ organization_id: organizationId, user_id: userId })
      .execute();
    await tx.insertInto('spaces_developers').values({ space_id: spaceId, user_id: userId }).execute();
  }

  #select() {
    return this.#database.db
      .selectFrom('users')
      .innerJoin('spaces', 'spaces.id', 'users.default_space_id')
      .innerJoin('organizations', 'organizations.id', 'spaces.organization_id')
      .select([
        'users.id',
        'users.guid',
        'users.email',
        'users.password_hash as passwordHash',
        'users.password_epoch as passwordEpoch',
        'organizations.id as organizationId',
        'organizations.guid as orgGuid',
        'spaces.id as spaceId',
        'spaces.guid as spaceGuid',
      ]);
  }
}
