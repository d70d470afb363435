import { expect, test } from '@jest/globals';
import { systemClock } from '@vcap/clock';
import { startMariadb } from '@vcap/testkit';
import { isDuplicate, openDatabase } from '../src/db/open.ts';
import { migrate } from '../src/db/migrate.ts';

test('an error of MySQL tells neither the statement nor its values', async () => {
  const server = await startMariadb();
  const database = openDatabase({ dialect: 'mysql', uri: await server.createDatabase('quiet') }, systemClock);
  try {
    await migrate(database);
    const put = () =>
      database.db
        .insertInto('staging_upload_tokens')
        .values({ token_hash: 'same', app_guid: 'a secret value', expires_at: 1 })
        .execute();
    await put();
    const error: unknown = await put().catch((reason: unknown) => reason);
    expect(isDuplicate(error)).toBe(true);
    expect(JSON.stringify({ ...(error as object), text: String(error) })).not.toMatch(
      /a secret value|insert/,
    );
  } finally {
    await database.close();
    await server.stop();
  }
}, 60_000);
