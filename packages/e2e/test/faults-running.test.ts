import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { samplePath } from '@vcap/samples';
import { waitFor } from '@vcap/testkit';
import { applications, askDuring, component, freeze, isBack, kill } from './support/faults.ts';
import { Platform } from './support/platform.ts';
import { isAlive, portsOf, signal } from './support/processes.ts';

let platform: Platform;

beforeAll(async () => {
  platform = await Platform.create();
  await platform.start('--dea', '3', '--router', '2', '--cloud-controller', '2');
  await platform.login();
  await push('steady', '--instances', '3');
  await platform.up('steady');
  await waitFor(() => applications(platform).length === 3, { timeoutMs: 20_000 });
}, 120_000);
afterAll(() => platform.remove(), 90_000);

const push = (name: string, ...more: string[]): Promise<string> =>
  platform.ok('push', name, '--path', samplePath('node-hello'), '-n', '--mem', '256M', ...more);
const pids = (dea?: string): number[] =>
  applications(platform, dea)
    .map(({ pid }) => pid)
    .sort((a, b) => a - b);
const running = async (name: string): Promise<number> => {
  const { status, body } = await platform.call('GET', `/apps/${name}`);
  return status === 200 ? Number((JSON.parse(body) as { runningInstances: unknown }).runningInstances) : NaN;
};
const known = (name: string): Promise<unknown> =>
  platform.call('GET', `/apps/${name}/instances`).then(({ body }) => JSON.parse(body) as unknown);
/** A push shows that the whole platform works together again. */
const expectPushWorks = async (name: string): Promise<void> => {
  await push(name);
  expect((await platform.up(name)).status).toBe(200);
  await platform.ok('delete', name, '-n');
  await waitFor(() => applications(platform).length === 3, { timeoutMs: 20_000 });
};

describe('a cluster with applications that run', () => {
  test('spreads three instances over three DEAs', () => {
    expect(['dea-0', 'dea-1', 'dea-2'].map((dea) => pids(dea).length)).toEqual([1, 1, 1]);
  });

  test('a DEA that is killed finds its instance again, which serves all along', async () => {
    const before = pids();
    const { calls, failures } = await askDuring(platform, 'steady', async () => {
      await isBack(platform, await kill(platform, 'dea-0'));
      await waitFor(async () => (await running('steady')) === 3, { timeoutMs: 30_000 });
    });
    expect(failures).toEqual([]);
    expect(calls).toBeGreaterThan(10);
    expect(pids()).toEqual(before);
  }, 60_000);

  test('a DEA lost with its instance costs no request, and the third instance comes back', async () => {
    const [lost] = applications(platform, 'dea-1');
    if (!lost) throw new Error('dea-1 has no instance');
    const { failures } = await askDuring(platform, 'steady', async () => {
      const dead = await kill(platform, 'dea-1');
      signal(lost, 'SIGKILL');
      await isBack(platform, dead);
      await waitFor(
        async () => !isAlive(lost) && applications(platform).length === 3 && (await running('steady')) === 3,
        { timeoutMs: 40_000 },
      );
    });
    expect(failures).toEqual([]);
  }, 60_000);

  test('a NATS that is killed takes no route with it, and a push works when it is back', async () => {
    const before = pids();
    const { failures } = await askDuring(platform, 'steady', async () => {
      await isBack(platform, await kill(platform, 'nats'));
      await waitFor(async () => (await running('steady')) === 3, { timeoutMs: 30_000 });
    });
    expect(failures).toEqual([]);
    expect(pids()).toEqual(before);
    await expectPushWorks('after-nats');
  }, 90_000);

  test('a NATS that freezes and thaws takes no route with it, and a push works then', async () => {
    const before = pids();
    const { failures } = await askDuring(platform, 'steady', async () => {
      const { thaw } = await freeze(platform, 'nats');
      try {
        // Nobody answers the controller; the routers go on from memory.
        await waitFor(async () => (await running('steady')) !== 3, { timeoutMs: 30_000 });
        const [, second] = [await component(platform, 'router-0'), await component(platform, 'router-1')];
        for (const port of portsOf(second)) await platform.call('GET', '/', { port }).catch(() => undefined);
      } finally {
        thaw();
      }
      await waitFor(async () => (await running('steady')) === 3, { timeoutMs: 30_000 });
    });
    expect(failures).toEqual([]);
    expect(pids()).toEqual(before);
    await expectPushWorks('after-frost');
  }, 90_000);

  test('a health manager that starts anew starts and stops nothing needlessly', async () => {
    const before = { pids: pids(), instances: await known('steady') };
    const dead = await kill(platform, 'health-manager-0');
    await isBack(platform, dead);
    // Its first look at everything comes when it knows the desired state; then it answers about health.
    await waitFor(async () => (await running('steady')) === 3, { timeoutMs: 40_000 });
    expect({ pids: pids(), instances: await known('steady') }).toEqual(before);
    // It watches again: what is killed now comes back.
    const [victim] = applications(platform);
    if (!victim) throw new Error('nothing runs');
    signal(victim, 'SIGKILL');
    await waitFor(() => !isAlive(victim) && pids().length === 3, { timeoutMs: 40_000 });
    expect(pids().filter((pid) => before.pids.includes(pid))).toHaveLength(2);
  }, 90_000);

  test('one of two cloud controllers is killed and the API goes on', async () => {
    const { failures } = await askDuring(platform, 'api', async () => {
      const dead = await kill(platform, 'cloud-controller-0');
      for (let call = 0; call < 20; call += 1)
        expect(await platform.call('GET', '/apps/steady')).toMatchObject({ status: 200 });
      const alive = await isBack(platform, dead);
      const answers = async (port: number): Promise<boolean> =>
        (await platform.call('GET', '/info', { port })).status === 200;
      await waitFor(async () => (await Promise.all(portsOf(alive).map(answers))).includes(true), {
        timeoutMs: 30_000,
      });
    });
    expect(failures).toEqual([]);
    await waitFor(async () => (await running('steady')) === 3, { timeoutMs: 30_000 });
  }, 60_000);

  test('the second router serves the same routes while the first is killed', async () => {
    const ports = portsOf(await component(platform, 'router-1'));
    const answers = async (): Promise<boolean> => {
      for (const port of ports) {
        const headers = { host: `steady.${platform.domain}` };
        const answer = await platform.call('GET', '/', { port, headers, token: '' }).catch(() => undefined);
        if (answer?.body.includes('hello')) return true;
      }
      return false;
    };
    expect(await answers()).toBe(true);
    const dead = await kill(platform, 'router-0');
    expect(await answers()).toBe(true);
    await isBack(platform, dead);
    expect((await platform.up('steady', 20_000)).status).toBe(200);
  }, 60_000);
});
