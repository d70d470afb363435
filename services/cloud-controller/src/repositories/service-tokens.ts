import { randomUUID } from 'node:crypto';
import type { Database } from '../db/open.ts';
import { isDuplicate } from '../db/open.ts';
import type { SecretBox } from '../domain/secret-box.ts';

/** The secret that the controller shares with one service's gateways. */
export interface ServiceToken {
  token: string;
  /** It is the token of a broker, which may bring any service. */
  brokered: boolean;
}

/** Tokens by label (without version) and provider; sealed in the database. */
export class ServiceTokens {
  readonly #database: Database;
  readonly #box: SecretBox;

  constructor(database: Database, box: SecretBox) {
    this.#database = database;
    this.#box = box;
  }

  async find(label: string, provider: string): Promise<ServiceToken | undefined> {
    const row = await this.#database.db
      .selectFrom('service_auth_tokens')
      .select(['token', 'brokered'])
      .where('label', '=', label)
      .where('provider', '=', provider)
      .executeTakeFirst();
    return row && { token: this.#box.open(row.token), brokered: row.brokered !== 0 };
  }

  /** Sets the token, in place of another one if there is. */
  async put(label: string, provider: string, { token, brokered }: ServiceToken): Promise<void> {
    const sealed = { token: this.#box.seal(token), brokered: brokered ? 1 : 0 };
    const { db } = this.#database;
    const update = () =>
      db
        .updateTable('service_auth_tokens')
        .set(sealed)
        .where('label', '=', label)
        .where('provider', '=', provider)
        .executeTakeFirst();
    if ((await update()).numUpdatedRows > 0n) return;
    try {
      await db
        .insertInto('service_auth_tokens')
        .values({ guid: randomUUID(), label, provider, ...sealed })
        .execute();
    } catch (error) {
      if (!isDuplicate(error)) throw error;
      await update();
    }
  }
}
