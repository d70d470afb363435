import { createHash } from 'node:crypto';
import type { Database } from '../db/open.ts';
import { inTransaction } from '../db/open.ts';
import type { AppStore } from '../ports.ts';

/** One-time tokens for droplet uploads. Only their hashes are kept. */
export class UploadTokens implements Pick<AppStore, 'putUploadToken' | 'takeUploadToken'> {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async putUploadToken(token: string, appGuid: string, expiresAtMs: number): Promise<void> {
    await inTransaction(this.#database, async (tx) => {
      await tx
        .deleteFrom('staging_upload_tokens')
        .where('expires_at', '<', this.#database.clock.now())
        .execute();
      await tx
        .insertInto('staging_upload_tokens')
        .values({ token_hash: hash(token), app_guid: appGuid, expires_at: expiresAtMs })
        .execute();
    });
  }

  async takeUploadToken(token: string, appGuid: string): Promise<boolean> {
    const { numDeletedRows } = await this.#database.db
      .deleteFrom('staging_upload_tokens')
      .where('token_hash', '=', hash(token))
      .where('app_guid', '=', appGuid)
      .where('expires_at', '>', this.#database.clock.now())
      .executeTakeFirst();
    return numDeletedRows > 0n;
  }
}

function hash(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
