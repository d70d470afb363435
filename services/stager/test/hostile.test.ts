import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { stagingStop } from '@vcap/bus';
import { startNats, tempDir } from '@vcap/testkit';
import type { NatsServer } from '@vcap/testkit';
import { startController } from './support/controller.ts';
import type { Controller } from './support/controller.ts';
import { besideApp, unpackDroplet } from './support/droplet.ts';
import { eventually } from './support/eventually.ts';
import { describeWith } from './support/isolations.ts';
import { leftOf, processesWith } from './support/machine.ts';
import { zipScripted } from './support/scripted-app.ts';
import { startMessage, startStager } from './support/stager.ts';
import type { RunningStager } from './support/stager.ts';

/** Only a process of these tests has it in its command line. */
const MARK = `31337.${process.pid}`;
const SECRET = 'nobody-else-may-read-this';

describeWith('runc')('a hostile build script in a container', () => {
  let dir: Awaited<ReturnType<typeof tempDir>>;
  let nats: NatsServer;
  let stager: RunningStager;
  let controller: Controller;
  /** Stands for the controller's database, open to every address of this host. */
  let database: Server;
  let connections = 0;
  let count = 0;

  beforeAll(async () => {
    dir = await tempDir('stager-hostile');
    nats = await startNats();
    await writeFile(join(dir.path, 'stager.yml'), `redis: ${SECRET}`, { mode: 0o600 });
    database = createServer((socket) => {
      connections += 1;
      socket.end(SECRET);
    }).listen(0, '0.0.0.0');
    await once(database, 'listening');
    const container = { pids: 100, inodes: 20_000 };
    const limits = { memory_limit_mb: 256, disk_limit_mb: 64, max_active_tasks: 2, container };
    stager = await startStager({
      natsUrl: nats.url,
      dir: dir.path,
      config: { ...limits, isolation: 'runc' },
    });
  });
  beforeEach(async () => {
    const home = join(dir.path, `controller-${(count += 1)}`);
    await mkdir(home);
    controller = await startController(home);
    controller.zip = join(home, 'app.zip');
  });
  afterEach(async () => {
    await controller.stop();
    await eventually(async () => (await processesWith(MARK)).length === 0);
    // One task's container is made ahead.
    await eventually(
      async () => (await readdir(base())).filter((name) => name.startsWith('task-')).length <= 1,
    );
  });
  afterAll(async () => {
    await stager?.stop();
    database?.close();
    await nats?.stop();
    await dir?.remove();
  });

  const base = (): string => join(dir.path, 'base');
  const stage = async (script: string, o: Parameters<typeof startMessage>[1] = {}) => {
    // In a file, for a pattern on a command line would be found there.
    await zipScripted(dir.path, controller.zip, script, { pattern: SECRET });
    return stager.stage(startMessage(controller, { taskId: `task-${count}`, ...o }));
  };
  const failure = async (script: string, o: Parameters<typeof startMessage>[1] = {}) => {
    const { error, error_info: info, task_log: log } = await (await stage(script, o)).done;
    expect(controller.uploads).toEqual([]);
    expect(log).toContain(`Staging failed: ${error}`);
    return { error, type: info?.type, log: log ?? '' };
  };

  test('one that allocates without end', async () => {
    expect(await failure(`exec node -e 'const a=[];for(;;)a.push(Buffer.alloc(1e7,1))'`)).toMatchObject({
      type: 'OutOfMemory',
      error: 'staging needed more than 256 MB of memory',
    });
  });

  test('a fork bomb', async () => {
    const { type, error } = await failure(`bomb() { bomb | bomb & }; bomb; exec sleep ${MARK}`, {
      timeoutSeconds: 8,
    });
    expect({ type, error }).toMatchObject({ type: expect.stringMatching(/OutOfProcesses|StagingTimeout/) });
    expect(error).toMatch(/more than 100 processes|longer than 8 seconds/);
  });

  test('one that starts processes without end and fails', async () => {
    const script = `sh -c 'while :; do sleep ${MARK} & done'`;
    expect(await failure(script)).toMatchObject({
      type: 'OutOfProcesses',
      error: 'staging ran more than 100 processes at once',
    });
  });

  test.each([
    ['bytes', 'head -c 200M /dev/zero >big', 'staging needed more than 64 MB of disk'],
    ['bytes in /tmp', 'head -c 200M /dev/zero >/tmp/big', 'staging needed more than 64 MB of disk'],
    [
      'files',
      'for n in {1..30000}; do : >f$n || exit 1; done 2>/dev/null',
      'staging made more than 20000 files',
    ],
  ])('one that fills the disk with %s', async (_what, script, error) => {
    expect(await failure(script)).toMatchObject({ type: 'OutOfDisk', error });
  });

  test('one that reads what is not its own', async () => {
    const neighbour = await startController(join(dir.path, `controller-${count}`));
    neighbour.zip = join(dir.path, `controller-${count}`, 'neighbour.zip');
    try {
      await zipScripted(dir.path, neighbour.zip, `echo ${SECRET} >secret; sleep 1000`);
      const other = stager.stage(startMessage(neighbour, { taskId: `other-${count}`, appId: 'other' }));
      const secret = await eventually(async () => {
        for (const task of await readdir(base())) {
          const app = join(base(), task, 'top/app');
          const names: string[] = await readdir(app).catch(() => []);
          if (names.includes('secret')) return join(app, 'secret');
        }
        return undefined;
      });
      const paths = ['/etc/shadow', secret, join(dir.path, 'stager.yml'), `/proc/${process.pid}/environ`];
      const looks = paths.map((path) => `cat '${path}' && echo READ`).join('; ');
      const script = `${looks}; grep -lsf pattern /proc/*/environ /proc/*/cmdline && echo FOUND; ls -d /proc/[0-9]* | wc -l; exit 1`;
      const { log, type } = await failure(script, { environment: [`OWN=${SECRET.toUpperCase()}`] });
      expect(type).toBe('CompileFailed');
      expect(log).not.toMatch(/READ|FOUND/);
      expect(log).not.toContain(SECRET);
      expect(log.match(/No such file or directory/g)).toHaveLength(paths.length);
      stager.bus.publish(stagingStop, { app_id: 'other' });
      expect((await other.done).error).toBe('task stopped');
    } finally {
      stager.bus.publish(stagingStop, { app_id: 'other' });
      await neighbour.stop();
    }
  });

  test('one that connects to the bus, the database and this host', async () => {
    const { port } = database.address() as AddressInfo;
    const hosts = Object.values(networkInterfaces())
      .flatMap((all) => all ?? [])
      .filter(({ family }) => family === 'IPv4')
      .map(({ address }) => address);
    const targets = [...hosts, 'gateway'].flatMap((host) =>
      [port, Number(new URL(nats.url).port)].map((to) => [host, to]),
    );
    const connect = `
      const { readFileSync } = require('node:fs');
      const hex = readFileSync('/proc/net/route', 'utf8').split('\\n').map((line) => line.split('\\t')).find((f) => f[1] === '00000000')[2];
      const gateway = hex.match(/../g).reverse().map((byte) => parseInt(byte, 16)).join('.');
      for (const [host, port] of ${JSON.stringify(targets)}) {
        const socket = require('node:net').connect(port, host === 'gateway' ? gateway : host);
        socket.on('connect', () => console.log('CONNECTED'));
        socket.on('error', ({ code }) => console.log('no', code));
      }`;
    const { log } = await failure(`node -e "$(cat <<'END'\n${connect}\nEND\n)"; exit 1`);
    expect(log).not.toContain('CONNECTED');
    expect(log.match(/no ECONNREFUSED/g)).toHaveLength(targets.length);
    expect(connections).toBe(0);
  });

  test('one that leaves a daemon behind', async () => {
    const task = await stage(
      `setsid sleep ${MARK} & (setsid bash -c 'trap "" TERM HUP; sleep ${MARK}; :' >/dev/null 2>&1 &)`,
    );
    expect(await task.done).toMatchObject({ error: null });
  });

  test('one that runs past the time limit, deaf and in a session of its own', async () => {
    const script = `trap '' TERM INT HUP; setsid bash -c 'trap "" TERM; while :; do sleep ${MARK}; done' & sleep ${MARK}`;
    expect(await failure(script, { timeoutSeconds: 4 })).toMatchObject({
      type: 'StagingTimeout',
      error: 'staging took longer than 4 seconds',
    });
  });

  test('one that writes without end', async () => {
    expect((await failure('exec yes')).error).toBe('a command wrote more than 64 MB of output');
  });

  test('one that replaces what the stager reads and packs by links', async () => {
    const script = `cd ..; for name in logs staging_info.yml own; do rm -rf $name; ln -s /etc $name; done
      ln -s / app/root; ln -s /etc/shadow app/shadow; rm -rf tmp/cache; ln -s / tmp/cache`;
    expect(await (await stage(script)).done).toMatchObject({ error: null });
    const { names } = await unpackDroplet(
      controller.uploads[0]?.path ?? '',
      join(dir.path, `droplet-${count}`),
    );
    expect(names).toContain('app/shadow');
    expect(names.filter((name) => !name.startsWith('app/'))).toEqual(besideApp);
  });

  test('one whose files are larger than they are', async () => {
    expect((await failure('truncate -s 4T sparse')).error).toBe('the droplet is larger than 64 MB unpacked');
  });

  test('all of them leave nothing on the machine', async () => {
    await stager.stop();
    expect(await leftOf(base())).toEqual([]);
  });
});
