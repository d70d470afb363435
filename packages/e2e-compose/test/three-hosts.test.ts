import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { waitFor } from '@vcap/testkit';
import { plainApp } from './support/apps.ts';
import { Hosts } from './support/hosts.ts';
import { ThreeHosts } from './support/three-hosts.ts';

const whyNot = await Hosts.whyNot();
if (whyNot !== undefined) process.stderr.write(`THE TEST OF THREE HOSTS IS SKIPPED: ${whyNot}\n`);

(whyNot === undefined ? describe : describe.skip)('the example of three hosts', () => {
  let example: ThreeHosts | undefined;
  const it = (): ThreeHosts => {
    if (!example) throw new Error('the hosts are not there');
    return example;
  };
  /** Addresses of the DEAs that run instances, by what users are told. */
  const placed = async (): Promise<string[]> => {
    const text = await it().vmc('stats', 'hello', '--json');
    const all = Object.values(
      JSON.parse(text) as Record<string, { state: string; stats?: { host: string } }>,
    );
    return all.filter(({ state }) => state === 'RUNNING').map(({ stats }) => stats?.host ?? 'nowhere');
  };
  const expectPlacedOn = async (count: number, ...hosts: string[]): Promise<void> => {
    await waitFor(
      async () => {
        const now = await placed();
        if (now.length !== count || hosts.some((host) => !now.includes(host))) throw new Error(now.join(' '));
        return true;
      },
      { timeoutMs: 180_000, what: `${count} instances on ${hosts.join(' and ')}` },
    );
  };
  const expectAnswers = async (): Promise<void> => {
    await waitFor(
      async () => {
        const statuses = await it().statuses('hello', 20);
        if (statuses.some((status) => status !== 200)) throw new Error(statuses.join(' '));
        return true;
      },
      { timeoutMs: 120_000, what: 'twenty answers of hello' },
    );
  };

  beforeAll(async () => {
    example = await ThreeHosts.create();
    await it().release('cloud-controller', 'router', 'health-manager', 'stager', 'dea');
    await it().startServers();
    for (const role of ['cloud-controller', 'router', 'health-manager']) await it().install('a', role);
    for (const host of ['b', 'c']) for (const role of ['stager', 'dea']) await it().install(host, role);
    await it().vmc('target', it().target);
    await it().vmc('login', 'admin@example.com', '--passwd', it().password, '-n');
  });
  afterAll(async () => {
    await example?.remove();
  });

  test('a new host is looked at by the join doctor', async () => {
    const { status, output } = await it().doctor('b', 'dea');
    process.stderr.write(`${output}\n`);
    expect(output).toContain('10.77.0.11');
    expect({ status, bad: output.match(/^BAD.*$/gm) }).toEqual({ status: 0, bad: null });
  });

  test('an application that is pushed on A runs on B and C', async () => {
    await it().vmc('push', 'hello', '--path', plainApp, '--instances', '4', '-n');
    await expectPlacedOn(4, '10.77.0.11', '10.77.0.12');
    await expectAnswers();
  });

  test('what ran on a host that is cut off is started on the other one', async () => {
    await it().hosts.cutOff('b');
    await waitFor(
      async () => {
        const now = await placed();
        if (now.length !== 4 || now.includes('10.77.0.11')) throw new Error(now.join(' '));
        return true;
      },
      { timeoutMs: 240_000, what: 'all instances on C' },
    );
    await expectAnswers();
  });

  test('a host that is back gives up what was replaced, and takes its share again', async () => {
    await it().hosts.reconnect('b');
    const instances = async (host: string): Promise<number> =>
      (await it().hosts.processes(host)).filter((line) => /^\S*node\S* server\.js$/.test(line)).length;
    await waitFor(
      async () => {
        const all = (await instances('b')) + (await instances('c'));
        if (all !== 4) throw new Error(`${all} instances run`);
        return true;
      },
      { timeoutMs: 240_000, what: 'four instances on both hosts together' },
    );
    await it().vmc('instances', 'hello', '8');
    await expectPlacedOn(8, '10.77.0.11', '10.77.0.12');
    await expectAnswers();
    expect(it().ended()).toBe('');
  });
});
