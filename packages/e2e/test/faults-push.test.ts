import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { waitFor } from '@vcap/testkit';
import { isBack, kill, leftovers } from './support/faults.ts';
import { Platform } from './support/platform.ts';
import { SlowApp } from './support/slow-app.ts';

let platform: Platform;
let app: SlowApp;

beforeAll(async () => {
  app = await SlowApp.create();
  platform = await Platform.create();
  await platform.start();
  await platform.login();
}, 120_000);
afterAll(async () => {
  await platform.remove();
  await app.remove();
}, 90_000);

describe('a push in the middle of which a component is killed', () => {
  test.each(['cloud-controller-0', 'stager-0', 'dea-0', 'router-0', 'health-manager-0', 'nats', 'redis'])(
    'can be done again: %s',
    async (victim) => {
      const name = `killed-${victim}`;
      await app.close();
      const first = platform.vmc('push', name, '--path', app.path, '-n', '--mem', '128M');
      await app.waiting();
      const dead = await kill(platform, victim);
      await isBack(platform, dead);
      await app.open();
      const { status, output } = await first;
      // Whether the first went through or not, the second must.
      if (status !== 0) expect(output).toMatch(/FAILED/);
      await waitFor(async () => (await platform.call('GET', '/info')).status === 200, { timeoutMs: 20_000 });
      await platform.ok('update', name, '--path', app.path, '-n');
      // A staging that failed left the application stopped.
      if (status !== 0) await platform.ok('restart', name);
      expect((await platform.up(name)).body).toBe('slow');
      await waitFor(async () => (await leftovers(platform)).length === 0, { timeoutMs: 10_000 }).catch(
        () => undefined,
      );
      expect(await leftovers(platform)).toEqual([]);
      await platform.ok('delete', name, '-n');
    },
    120_000,
  );
});
