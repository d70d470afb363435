import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { samplePath } from '@vcap/samples';
import { freePort, startProcess, waitFor } from '@vcap/testkit';
import {
  addressOf,
  memoryOf,
  processesLike,
  processesOfApp,
  statsOf,
  sweepContainers,
  whyNoContainers,
} from './support/containers.ts';
import { askDuring, component, components, isBack, kill } from './support/faults.ts';
import { Platform, vmcProgram } from './support/platform.ts';
import { portsOf } from './support/processes.ts';

type Outcome = Record<string, string>;

const reason = await whyNoContainers();

(reason === undefined ? describe : describe.skip)('a hostile application in a container', () => {
  let platform: Platform;

  beforeAll(async () => {
    platform = await Platform.create({ isolation: 'runc' });
    await platform.start();
    await platform.login();
    await push('node-hello', 'neighbour', '--instances', '2');
    await push('hostile', 'hostile', '--mem', '256M');
    await platform.up('neighbour', 60_000);
    await platform.up('hostile', 60_000);
  }, 300_000);
  afterAll(async () => {
    try {
      await platform.stop();
      await sweepContainers(platform);
    } finally {
      await platform.remove();
    }
  }, 240_000);

  const push = (sample: 'node-hello' | 'hostile', name: string, ...more: string[]): Promise<string> =>
    platform.ok('push', name, '--path', samplePath(sample), '-n', ...more);
  /** Lets it do one thing, and says what came of it. */
  const commit = async (deed: string, ...targets: string[]): Promise<Outcome> => {
    const query = new URLSearchParams(
      targets.map((target): [string, string] => ['target', target]),
    ).toString();
    const { status, body } = await platform.get('hostile', `/${deed}?${query}`);
    if (status !== 200) throw new Error(`${deed}: ${status} ${body}`);
    return JSON.parse(body) as Outcome;
  };
  const logs = (): Promise<string> => platform.ok('logs', 'hostile', '--lines', '5000');
  const logged = (pattern: RegExp): Promise<string> =>
    waitFor(async () => pattern.exec(await logs())?.[0], {
      timeoutMs: 100_000,
      what: `${pattern} in the log`,
    });
  /** Its neighbour's requests while `work` is done: each of them is answered. */
  const expectUnharmed = async (work: () => Promise<unknown>): Promise<void> => {
    const { calls, failures } = await askDuring(platform, 'neighbour', work);
    expect(failures).toEqual([]);
    expect(calls).toBeGreaterThan(0);
  };
  const restart = async (): Promise<void> => {
    await platform.ok('restart', 'hostile');
    await platform.up('hostile', 60_000);
  };
  const expectAllRefused = (outcome: Outcome): void => {
    expect(Object.entries(outcome).filter(([, result]) => !result.startsWith('refused'))).toEqual([]);
    expect(Object.keys(outcome).length).toBeGreaterThan(0);
  };

  test('is in a container, as vmc info says', async () => {
    expect(await platform.ok('info')).toContain('Isolation: containers (runc)');
  });

  test('has figures in vmc stats that agree with /proc and the cgroup', async () => {
    for (const { port } of await statsOf(platform, 'neighbour')) {
      const pids = await processesOfApp('neighbour', port);
      expect(pids.length).toBeGreaterThan(0);
      // A sample may be some seconds old.
      await waitFor(
        async () => {
          const told = (await statsOf(platform, 'neighbour')).find((each) => each.port === port);
          const { resident, cgroup } = await memoryOf(pids);
          const bytes = (told?.usage.mem ?? 0) * 1024;
          return Math.abs(bytes - cgroup) < 4e6 && bytes < resident * 1.2 && bytes > resident * 0.2;
        },
        { timeoutMs: 60_000 },
      );
    }
  }, 240_000);

  test('opens descriptors, fills shared memory and the disk with bytes: each has an end that it is told', async () => {
    await expectUnharmed(async () => {
      expect(await commit('descriptors')).toEqual({
        open: expect.stringMatching(/^refused after \d+ \(EMFILE\)/),
      });
      expect(await commit('shared-memory')).toEqual({ '/dev/shm': expect.stringMatching(/\(ENOSPC\)/) });
      const full = expect.stringMatching(/^refused after \d+ \(ENOSPC\)/);
      expect(await commit('bytes')).toEqual({ home: full, '/tmp': full });
    });
    await waitFor(
      async () => {
        const [{ disk_quota: quota, usage }] = await statsOf(platform, 'hostile');
        return usage.disk > quota * 0.95 && usage.disk < quota * 1.05;
      },
      { timeoutMs: 60_000, what: 'a full disk in the stats' },
    );
    await logged(/bytes: home: refused after \d+ \(ENOSPC\)/);
    expect((await platform.get('hostile')).status).toBe(200);
    await restart();
  }, 240_000);

  test('fills /tmp, which is the same disk, and the disk with files', async () => {
    await expectUnharmed(async () => {
      const full = expect.stringMatching(/^refused after \d+ \(ENOSPC\)/);
      expect(await commit('tmp-bytes')).toEqual({ '/tmp': full, home: full });
      await restart();
      await commit('inodes');
      await logged(/inodes: links: refused after \d+ \(ENOSPC\)/);
    });
    await restart();
  }, 240_000);

  test('allocates memory without end: it crashes, and the crash says why', async () => {
    await expectUnharmed(async () => {
      await commit('memory');
      await logged(/crashed: out of memory/);
    });
    await waitFor(async () => /hostile-1 .* out of memory/.test(await platform.ok('crashes', 'hostile')), {
      timeoutMs: 60_000,
    });
    await platform.up('hostile', 60_000);
  }, 240_000);

  test('is a fork bomb that runs against a wall, and goes with all it made', async () => {
    await expectUnharmed(async () => {
      await commit('forks');
      try {
        await logged(/Cannot fork/);
      } finally {
        await restart();
      }
    });
    // Nothing but the new instance.
    await waitFor(async () => (await processesOfApp('hostile')).length < 10, { timeoutMs: 60_000 });
    expect((await platform.up('hostile')).status).toBe(200);
  }, 240_000);

  test('floods its output: lines are left out and counted, and its neighbour loses none', async () => {
    await expectUnharmed(async () => {
      await commit('flood');
      await logged(/\d+ lines of stdout \(\d+ bytes\) are left out here/);
      const about = `/mark-${Date.now()}`;
      await platform.get('neighbour', about);
      await waitFor(
        async () => (await platform.ok('logs', 'neighbour', '--lines', '10000')).includes(about),
        {
          timeoutMs: 30_000,
        },
      );
    });
    await restart();
  }, 240_000);

  test('spins on every core: the neighbour is served', async () => {
    await expectUnharmed(async () => {
      await commit('spin');
      // In percent of a core: what it gets depends on who else wants it.
      await waitFor(async () => (await statsOf(platform, 'hostile'))[0].usage.cpu > 1, { timeoutMs: 90_000 });
    });
    await restart();
  }, 240_000);
  test('reads nothing of the platform, of its neighbours and of the host, and writes nothing there', async () => {
    const files = [
      'admin-password',
      'token-key',
      'config/dea-0.yml',
      'dea-0/db/instances.json',
      'dea-0/instances',
    ];
    const paths = [...files.map((name) => join(platform.home, name)), platform.home, '/var/log', '/boot'];
    const dea = await component(platform, 'dea-0');
    const others = await processesOfApp('neighbour');
    expect(others.length).toBeGreaterThanOrEqual(2);
    await expectUnharmed(async () => {
      expectAllRefused(await commit('read', ...paths));
      expectAllRefused(await commit('write', ...paths));
      const { seen = '', ...rest } = await commit('processes', ...[dea.pid, ...others].map(String));
      expect(seen).toMatch(/node server\.js/);
      expect(seen).not.toMatch(/dist\/main\.js|jest|nats/);
      expect(rest).not.toEqual({});
      // A number of the host may be one of its own, but not with another's secrets.
      for (const result of Object.values(rest))
        expect(result).not.toMatch(/VMC_APP_NAME=neighbour|VCAP_HOME/);
      expectAllRefused(await commit('calls'));
    });
    await logged(/calls: ptrace of 1: refused \(EPERM\)/);
  }, 240_000);

  test('connects to nothing: not the bus, the databases, the controller, the router or a neighbour', async () => {
    const running = [...(await components(platform)).values()];
    const ports = new Set(running.flatMap(portsOf));
    expect(ports.size).toBeGreaterThan(running.length / 2);
    for (const { port } of await statsOf(platform, 'neighbour')) ports.add(port);
    const own = Object.values(networkInterfaces())
      .flatMap((list) => list ?? [])
      .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
    const hosts = ['127.0.0.1', 'gateway', ...(own === undefined ? [] : [own])];
    // Itself at its own loopback is the one it may reach.
    const [{ port: itself }] = await statsOf(platform, 'hostile');
    ports.delete(itself);
    const neighbours = await Promise.all((await processesOfApp('neighbour')).map(addressOf));
    const targets = hosts.flatMap((host) => [...ports].map((port) => `${host}:${port}`));
    for (const address of new Set(neighbours))
      for (const { port } of await statsOf(platform, 'neighbour')) targets.push(`${address}:${port}`);
    await expectUnharmed(async () => expectAllRefused(await commit('connect', ...targets)));
  }, 240_000);

  test('sets traps for who looks into its files from outside', async () => {
    await commit('traps');
    const shadow = await readFile('/etc/shadow', 'utf8');
    const secret = shadow.split('\n')[0] ?? '';
    for (const path of [
      'app/root/etc/shadow',
      'app/shadow',
      'app/climbing',
      'logs/etc/shadow',
      'tmp/etc/shadow',
    ]) {
      const { status, output } = await platform.vmc('files', 'hostile', path);
      expect({ path, status, leaked: output.includes(secret) }).toEqual({ path, status: 1, leaked: false });
    }
    await commit('home');
    for (const path of ['app/etc/shadow', 'logs/shadow', 'app/']) {
      const { output } = await platform.vmc('files', 'hostile', path);
      expect({ path, leaked: output.includes(secret) || /\bboot\b/.test(output) }).toEqual({
        path,
        leaked: false,
      });
    }
    await expectUnharmed(restart);
  }, 240_000);

  test('wants to outlive its end: children that hear no TERM, others two forks away', async () => {
    const seconds = `${await freePort()}31337`;
    await commit('away', seconds);
    await commit('stay', seconds);
    await waitFor(async () => (await processesLike(`sleep ${seconds}`)).length >= 3, { timeoutMs: 30_000 });
    const argv = [vmcProgram, 'logs', 'hostile', '--follow'] as const;
    const reader = await startProcess({
      argv,
      env: platform.vmcEnvironment(),
      readyWhen: /stay: begins/,
      readyTimeoutMs: 60_000,
    });
    try {
      await expectUnharmed(() => platform.ok('stop', 'hostile'));
      const words = 'stopped: it did not end within 10 s of TERM, KILL was needed';
      await waitFor(() => reader.output().includes(words), { timeoutMs: 60_000, what: words });
      expect(await logs()).toContain(words);
    } finally {
      await reader.stop();
    }
    await waitFor(async () => (await processesLike(seconds)).length === 0, { timeoutMs: 30_000 });
    await waitFor(async () => (await processesOfApp('hostile')).length === 0, { timeoutMs: 30_000 });
  }, 240_000);

  test('a DEA killed with -9 adopts all it had, and no request to two instances fails', async () => {
    const before = await processesOfApp('neighbour');
    await expectUnharmed(async () => {
      await isBack(platform, await kill(platform, 'dea-0'));
      await waitFor(
        async () => {
          const found = await statsOf(platform, 'neighbour');
          return found.length === 2 && found.every(({ usage }) => usage.mem > 0);
        },
        { timeoutMs: 60_000 },
      );
    });
    expect(await processesOfApp('neighbour')).toEqual(before);
  }, 240_000);

  test('leaves nothing on the machine when the cluster stops', async () => {
    await platform.stop();
    expect(await sweepContainers(platform)).toEqual([]);
    expect(await processesOfApp('neighbour')).toEqual([]);
  }, 240_000);
});
