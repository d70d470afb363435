import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { tempDir, waitFor } from '@vcap/testkit';
import type { TempDir } from '@vcap/testkit';
import { plainApp, writeVisits } from './support/apps.ts';
import { askController } from './support/api.ts';
import { Cluster } from './support/cluster.ts';
import { Load } from './support/load.ts';
import type { Tally } from './support/load.ts';
import { poison } from './support/poison.ts';
import { printTallies } from './support/table.ts';
import { usable } from './support/usable.ts';

/** Destroyed in this order, each with what may fail meanwhile: a router's and a DEA's open requests are lost. */
const kinds: readonly (readonly [string, number])[] = [
  ['cloud-controller', 0],
  ['stager', 0],
  ['health-manager', 0],
  ['mysql-gateway', 0],
  ['mysql-node', 0],
  ['service-broker', 0],
  ['caldecott', 0],
  ['redis', 0],
  ['nats-2', 0],
  ['database-replica', 0],
  ['database', 0],
  ['router', 5],
  ['dea', 5],
];

/** Those that a push or a request goes through, but for DEAs: their instances have to move first. */
const upgraded = ['stager', 'cloud-controller', 'health-manager', 'router'];

(usable() ? describe : describe.skip)('a whole cluster in containers', () => {
  let cluster: Cluster | undefined;
  let dir: TempDir | undefined;
  let password = '';
  const it = (): Cluster => {
    if (!cluster) throw new Error('the cluster is not up');
    return cluster;
  };
  /** Twenty requests a second while `work` goes on, and a second before and after. */
  const underLoad = async (work: () => Promise<void>): Promise<Tally> => {
    const load = new Load(it().port, it().host('hello'));
    const more = async (requests: number): Promise<void> => {
      const until = load.sent + requests;
      await waitFor(() => load.sent >= until, { timeoutMs: 60_000 });
    };
    try {
      await more(20);
      await work();
      await more(20);
    } finally {
      await load.stop();
    }
    return load.stop();
  };

  beforeAll(async () => {
    dir = await tempDir('vcap-e2e-visits-');
    await writeVisits(dir.path);
    cluster = await Cluster.up();
    password = await cluster.login();
  });
  afterAll(async () => {
    await cluster?.down();
    await dir?.remove();
  });

  test('applications are pushed, one with a database', async () => {
    await it().ok('push', 'hello', '--path', plainApp, '--instances', '3', '-n');
    await it().running('hello', 3);
    await it().answer('hello');
    await it().ok('push', 'visits', '--path', dir?.path ?? '', '-n');
    const first = JSON.parse(await it().answer('visits')) as { visits: number };
    const second = JSON.parse(await it().answer('visits')) as { visits: number };
    expect(second.visits).toBeGreaterThan(first.visits);
  });

  test('any container may be destroyed and made again', async () => {
    const rows: [string, Tally][] = [];
    try {
      for (const [kind] of kinds) {
        const [victim] = await it().containers(kind);
        if (victim === undefined) throw new Error(`no container of ${kind} runs`);
        const tally = await underLoad(async () => {
          await it().destroy(victim);
          await it().restore(kind);
        });
        rows.push([kind, tally]);
      }
    } finally {
      printTallies('Each kind of container destroyed and made again, at 20 requests a second', rows);
    }
    for (const [index, [kind, allowed]] of kinds.entries()) {
      const tally = rows[index]?.[1];
      expect({ kind, failed: tally?.failed, ok: (tally?.failed ?? Infinity) <= allowed }).toMatchObject({
        ok: true,
      });
    }
    // What the DEA ran is started elsewhere.
    await it().running('hello', 3);
    await it().ok('update', 'hello', '--path', plainApp, '-n');
    await it().answer('hello');
  });

  test('every component is replaced in turn, as an upgrade does', async () => {
    const rows: [string, Tally][] = [];
    try {
      for (const kind of upgraded) {
        const tally = await underLoad(async () => {
          for (const old of await it().containers(kind)) {
            await it().docker('stop', '-t', '90', old);
            await it().destroy(old);
            await it().restore(kind);
          }
        });
        rows.push([kind, tally]);
      }
    } finally {
      printTallies('Every container of a kind ended in order and replaced, at 20 requests a second', rows);
    }
    const allowed = (kind: string): number => (kind === 'router' ? 5 : 0);
    expect(rows.filter(([kind, { failed }]) => failed > allowed(kind))).toEqual([]);
  });

  test('users find their data after their database server was made again', async () => {
    const before = JSON.parse(await it().answer('visits', '/count')) as { visits: number };
    const [victim = ''] = await it().containers('services-database');
    await it().destroy(victim);
    await it().restore('services-database');
    const after = JSON.parse(await it().answer('visits', '/count')) as { visits: number };
    expect(after.visits).toBe(before.visits);
  });

  test('the bus may be gone for half a minute', async () => {
    const servers = ['nats-1', 'nats-2', 'nats-3'];
    const tally = await underLoad(async () => {
      await it().compose('stop', '-t', '0', ...servers);
      // Half a minute of requests.
      const port = it().port;
      const host = it().host('hello');
      const meanwhile = new Load(port, host);
      await waitFor(() => meanwhile.sent >= 600, { timeoutMs: 120_000 });
      expect((await meanwhile.stop()).failed).toBe(0);
      await it().compose('start', ...servers);
      await it().restore(...servers);
    });
    printTallies('The whole bus gone for half a minute', [['nats', tally]]);
    expect(tally.failed).toBe(0);
    await waitFor(async () => (await it().vmc('push', 'again', '--path', plainApp, '-n')).status === 0, {
      timeoutMs: 120_000,
    });
    await it().answer('again');
    await it().ok('delete', 'again', '-n');
  });

  test('two controllers that are told different things about one application agree in the end', async () => {
    const [one = '', two = ''] = await it().containers('cloud-controller');
    const addresses = [await it().address(one), await it().address(two)];
    const ask = await askController(addresses, it().host('api'), 'admin@vcap.local', password);
    for (let round = 0; round < 5; round++)
      await Promise.all([
        ask(0, 'PUT', '/apps/hello', { instances: 2 }),
        ask(1, 'PUT', '/apps/hello', { instances: 4 }),
      ]);
    const wanted = (await ask(0, 'GET', '/apps/hello')) as { instances: number };
    const other = (await ask(1, 'GET', '/apps/hello')) as { instances: number };
    expect([2, 4]).toContain(wanted.instances);
    expect(other.instances).toBe(wanted.instances);
    await it().running('hello', wanted.instances);
    await it().ok('instances', 'hello', '3');
    await it().running('hello', 3);
  });

  test('no component minds nonsense on the bus', async () => {
    const all = (await it().compose('ps', '-q')).split('\n').filter(Boolean);
    const states = async (): Promise<string> =>
      it().docker('inspect', '-f', '{{.Name}} {{.RestartCount}} {{.State.StartedAt}}', ...all);
    const before = await states();
    const [bus = ''] = await it().containers('nats-1');
    const address = await it().address(bus);
    const tally = await underLoad(async () => {
      const sent = await poison(address, async (role) => it().secret(`bus-password-${role}`));
      process.stderr.write(`${sent} messages of nonsense were sent\n`);
    });
    expect(tally.failed).toBe(0);
    expect(await states()).toBe(before);
    await it().ok('update', 'hello', '--path', plainApp, '-n');
    await it().answer('hello');
  });

  test('five DEAs are as easy as three', async () => {
    await it().restore('--scale', 'dea=5', 'dea');
    expect(await it().containers('dea')).toHaveLength(5);
    await it().restore('--scale', 'dea=3', 'dea');
    await it().running('hello', 3);
  });
});
