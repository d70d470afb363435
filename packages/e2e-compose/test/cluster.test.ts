import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { tempDir, waitFor } from '@vcap/testkit';
import type { TempDir } from '@vcap/testkit';
import { plainApp, writeVisits } from './support/apps.ts';
import { askController } from './support/api.ts';
import { Cluster } from './support/cluster.ts';
import { Counter } from './support/counter.ts';
import { Load } from './support/load.ts';
import type { Tally } from './support/load.ts';
import { poison } from './support/poison.ts';
import { printTallies, say } from './support/table.ts';
import { underLoad } from './support/under-load.ts';
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

/** All of ours, in the order of an upgrade. */
const upgraded = [
  'mysql-node',
  'mysql-node-standard',
  'mysql-gateway',
  'service-broker',
  'caldecott',
  'stager',
  'cloud-controller',
  'health-manager',
  'router',
  'dea',
];

(usable() ? describe : describe.skip)('a whole cluster in containers', () => {
  let cluster: Cluster | undefined;
  let dir: TempDir | undefined;
  let password = '';
  const it = (): Cluster => {
    if (!cluster) throw new Error('the cluster is not up');
    return cluster;
  };
  const underHelloLoad = (work: () => Promise<void>): Promise<Tally> =>
    underLoad(it().port, it().host('hello'), work);

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

  test('a plan is chosen, and a database is reached through a tunnel, by the helper and directly', async () => {
    await it().ok('create-service', 'mysql', 'large', '--plan', 'standard', '-n');
    const table = 'CREATE TABLE t (n INT); INSERT INTO t VALUES (6), (7);';
    await it().okWith(table, 'tunnel', 'large', 'mysql', '-n');
    const sum = 'SELECT CONCAT("the sum is ", SUM(n)) FROM t;';
    for (const way of [[], ['--direct']])
      expect(await it().okWith(sum, 'tunnel', 'large', 'mysql', '-n', ...way)).toContain('the sum is 13');
    expect(await it().ok('services')).toMatch(/large.*standard/);
    await it().ok('tunnel', '--remove', '-n');
    await it().ok('delete-service', 'large', '-n');
  });

  test('any container may be destroyed and made again', async () => {
    const rows: [string, Tally][] = [];
    try {
      for (const [kind] of kinds) {
        const [victim] = await it().containers(kind);
        if (victim === undefined) throw new Error(`no container of ${kind} runs`);
        const tally = await underHelloLoad(async () => {
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
        const before = await it().containers(kind);
        rows.push([kind, await underHelloLoad(() => it().upgrade(kind))]);
        const after = await it().containers(kind);
        expect({ kind, count: after.length }).toEqual({ kind, count: before.length });
        expect(after.filter((container) => before.includes(container))).toEqual([]);
      }
    } finally {
      printTallies(
        'Every container of a kind replaced by deploy/docker/upgrade, at 20 requests a second',
        rows,
      );
    }
    const allowed = (kind: string): number => (kind === 'router' || kind === 'dea' ? 5 : 0);
    expect(rows.filter(([kind, { failed }]) => failed > allowed(kind))).toEqual([]);
    await it().running('hello', 3);
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
    const tally = await underHelloLoad(async () => {
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
    await waitFor(async () => it().ok('push', 'again', '--path', plainApp, '-n'), { timeoutMs: 120_000 });
    await it().answer('again');
    await it().ok('delete', 'again', '-n');
  });

  test('a push goes on when a server of the bus is lost meanwhile', async () => {
    const [victim = ''] = await it().containers('nats-1');
    const tally = await underHelloLoad(async () => {
      const began = performance.now();
      const push = it()
        .ok('push', 'meanwhile', '--path', plainApp, '-n')
        .then(() => say(`the push took ${Math.round(performance.now() - began)} ms`));
      try {
        await Promise.all([push, it().destroy(victim)]);
      } finally {
        await it().restore('nats-1');
      }
    });
    printTallies('A server of the bus destroyed during a push', [['nats-1', tally]]);
    expect(tally.failed).toBe(0);
    await it().answer('meanwhile');
    await it().ok('delete', 'meanwhile', '-n');
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
    say(`2 or 4 instances, five times each: ${wanted.instances} and ${other.instances} in the end`);
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
    const tally = await underHelloLoad(async () => {
      const sent = await poison(address, async (role) => it().secret(`bus-password-${role}`));
      say(`${sent} messages of nonsense were sent`);
    });
    printTallies('Nonsense on the bus', [['', tally]]);
    expect(tally.failed).toBe(0);
    expect(await states()).toBe(before);
    await it().ok('update', 'hello', '--path', plainApp, '-n');
    await it().answer('hello');
  });

  test('five DEAs are as easy as three', async () => {
    await it().restore('--scale', 'dea=5', 'dea');
    expect(await it().containers('dea')).toHaveLength(5);
    const volumes = await it().namelessVolumes('dea');
    await it().restore('--scale', 'dea=3', 'dea');
    const kept = await it().namelessVolumes('dea');
    await it().docker('volume', 'rm', ...volumes.filter((name) => !kept.includes(name)));
    await it().running('hello', 3);
    // They share one kernel: none takes what another one made for its own.
    expect(await it().compose('logs', '--no-log-prefix', 'dea')).not.toContain('orphans-destroyed');
  });

  test('the replica takes over when the database is lost, with all that was acknowledged', async () => {
    const api = { port: it().port, host: it().host('api'), token: await it().token(password) };
    const counter = await Counter.start(api);
    const wrote = async (more: number): Promise<void> => {
      const until = counter.acknowledged + more;
      await waitFor(() => counter.acknowledged >= until, { timeoutMs: 120_000 });
    };
    let known = 0;
    const tally = await underHelloLoad(async () => {
      try {
        await wrote(20);
        // deploy/docker/README.md, "When the database is lost", word by word.
        const [primary = ''] = await it().containers('database');
        await it().destroy(primary);
        const began = performance.now();
        await it().compose('exec', '-T', 'database-replica', 'bash', '/vcap/promote.sh');
        it().set('VCAP_DATABASE', 'database-replica');
        await it().compose('up', '-d', '--no-deps', 'secrets');
        known = counter.acknowledged;
        await it().upgrade('cloud-controller');
        await wrote(1);
        say(`changes went on ${Math.round(performance.now() - began)} ms after the loss`);
        await wrote(10);
      } finally {
        await counter.stop();
      }
    });
    const there = await counter.read();
    say(`${counter.acknowledged} writes acknowledged, ${known} of them before, ${counter.failed} refused`);
    printTallies('The database lost, its replica promoted', [['database', tally]]);
    expect(tally.failed).toBe(0);
    expect(there).toBeGreaterThanOrEqual(counter.acknowledged);
    await it().ok('delete', 'counter', '-n');

    // A new server in the place of the lost one copies the one that took over.
    await it().docker('volume', 'rm', `${Cluster.project}_database`);
    await it().restore('database');
    await waitFor(
      async () => (await it().replication('database')).match(/Slave_(IO|SQL)_Running: Yes/g)?.length === 2,
      { timeoutMs: 60_000 },
    );
    await it().ok('update', 'hello', '--path', plainApp, '-n');
    await it().answer('hello');
  });
});
