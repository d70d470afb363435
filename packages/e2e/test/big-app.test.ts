import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { waitFor } from '@vcap/testkit';
import { createBigApp } from './support/big-app.ts';
import type { BigApp } from './support/big-app.ts';
import { Platform } from './support/platform.ts';
import { SentBytes } from './support/sent-bytes.ts';

let platform: Platform;
let app: BigApp;

beforeAll(async () => {
  platform = await Platform.create();
  await platform.start();
  await platform.login();
  app = await createBigApp();
}, 120_000);
afterAll(async () => {
  await app?.remove();
  await platform.remove();
}, 90_000);

test('100 MB in 5,000 files can be pushed, and one changed file costs little to send', async () => {
  const sent = new SentBytes(platform);
  await platform.ok('push', 'big', '--path', app.path, '--mem', '128M', '-n');
  await platform.up('big', 60_000);
  expect(await total(sent)).toBeGreaterThan(100_000_000);

  const content = await app.change();
  await sent.reset();
  await platform.ok('update', 'big', '--path', app.path, '-n');
  const changed = async (): Promise<boolean> => (await platform.up('big')).body === content;
  await waitFor(changed, { timeoutMs: 60_000 });
  const bytes = await total(sent);
  expect(bytes).toBeGreaterThan(20_000);
  expect(bytes).toBeLessThan(200_000);
}, 300_000);

const total = async (sent: SentBytes): Promise<number> =>
  (await sent.since()).reduce((sum, { bytes }) => sum + bytes, 0);
