import { afterEach, describe, expect, test } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  findBinary,
  freePort,
  mysqlPrograms,
  startMariadb,
  startMysql,
  startNats,
  startProcess,
  startRedis,
  tempDir,
  waitFor,
} from '../src/index.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** The first line a server sends, or an error when nobody listens or nothing comes within a second. */
function greeting(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(port, '127.0.0.1');
    socket.setTimeout(1000, () => socket.destroy(new Error('silence')));
    socket.once('data', (data) => {
      resolve(data.toString());
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

/** Whether it still runs; one that has ended and waits to be reaped does not. */
const alive = (pid: number): boolean => {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
};

const failing = (): never => {
  throw new Error('boom');
};

describe('waitFor', () => {
  test('gives the first truthy value back, and a throw is "not yet"', async () => {
    let calls = 0;
    const value = await waitFor(() => {
      calls += 1;
      if (calls === 1) throw new Error('early');
      return calls > 2 && calls;
    });
    expect(value).toBe(3);
  });

  test('says what it waited for and what it saw last', async () => {
    await expect(waitFor(() => '', { timeoutMs: 30, what: 'the flag' })).rejects.toThrow(
      "waited 30 ms for the flag; last value: ''",
    );
    await expect(waitFor(failing, { timeoutMs: 1 })).rejects.toThrow('it threw boom');
  });
});

test('tempDir removes what is in it, twice without complaint', async () => {
  const dir = await tempDir('vcap-testkit');
  await writeFile(join(dir.path, 'file'), 'x');
  await dir.remove();
  await dir.remove();
  expect(existsSync(dir.path)).toBe(false);
});

test('freePort gives a port that can be bound', async () => {
  expect(await freePort()).toBeGreaterThan(1023);
});

test('findBinary names the package that is missing', () => {
  expect(findBinary('sh', 'dash')).toMatch(/\/sh$/);
  expect(() => findBinary('no-such-server', 'some-package')).toThrow(/apt-get install .* some-package/);
});

describe('startProcess', () => {
  test('waits for output and stops the whole group', async () => {
    const running = await startProcess({
      argv: ['/bin/sh', '-c', 'sleep 600 & echo child $!; wait'],
      readyWhen: /child \d+/,
    });
    cleanups.push(() => running.kill());
    const grandchild = Number(/child (\d+)/.exec(running.output())?.[1]);
    expect(alive(grandchild)).toBe(true);
    expect(await running.stop()).toBe('SIGTERM');
    await waitFor(() => !alive(grandchild));
    expect(running.running).toBe(false);
  });

  test('kills a process that ignores SIGTERM', async () => {
    const running = await startProcess({
      argv: ['/bin/sh', '-c', 'trap "" TERM; echo up; while :; do sleep 1; done'],
      readyWhen: 'up',
    });
    expect(await running.stop(50)).toBe('SIGKILL');
  });

  test('an early end is an error that shows the output', async () => {
    const start = startProcess({ argv: ['/bin/sh', '-c', 'echo no luck >&2; exit 3'], readyWhen: 'ready' });
    await expect(start).rejects.toThrow(/ended with 3 before it was ready[\s\S]*no luck/);
    await expect(startProcess({ argv: ['/no/such/program'] })).rejects.toThrow('cannot run /no/such/program');
  });

  test('keeps only the end of a long output', async () => {
    const running = await startProcess({
      argv: ['/bin/sh', '-c', 'yes | head -c 1000000; echo the-end; sleep 600'],
    });
    cleanups.push(() => running.kill());
    await waitFor(() => running.output().includes('the-end'));
    expect(running.output().length).toBeLessThanOrEqual(256 * 1024);
  });

  test('children die with the test process, however that ends', async () => {
    const script = `
      const { startProcess } = await import(${JSON.stringify(import.meta.resolve('../src/index.ts'))});
      const child = await startProcess({ argv: ['/bin/sleep', '600'] });
      console.log('grandchild', child.pid);`;
    const parent = await startProcess({
      argv: [process.execPath, '--input-type=module', '-e', script],
      env: { ...process.env, NODE_OPTIONS: '' },
      readyWhen: /grandchild \d+/,
    });
    const grandchild = Number(/grandchild (\d+)/.exec(parent.output())?.[1]);
    await parent.kill();
    await waitFor(() => !alive(grandchild), { what: 'the grandchild to be gone' });
    expect(alive(grandchild)).toBe(false);
  }, 20_000);
});

describe('servers', () => {
  test('nats answers, freezes, thaws, and comes back on its port', async () => {
    const first = await startNats();
    cleanups.push(() => first.kill());
    expect(first.url).toBe(`nats://127.0.0.1:${first.port}`);
    expect(await greeting(first.port)).toMatch(/^INFO /);
    first.freeze();
    await expect(greeting(first.port)).rejects.toThrow('silence');
    first.thaw();
    expect(await greeting(first.port)).toMatch(/^INFO /);
    await first.kill();
    await expect(greeting(first.port)).rejects.toThrow(/ECONNREFUSED/);
    const second = await startNats({ port: first.port });
    cleanups.push(() => second.stop());
    expect(second.port).toBe(first.port);
  });

  test('nats stops while frozen', async () => {
    const server = await startNats();
    server.freeze();
    await server.stop();
    await expect(greeting(server.port)).rejects.toThrow(/ECONNREFUSED/);
  });

  test('redis', async () => {
    const server = await startRedis();
    await server.stop();
    await expect(greeting(server.port)).rejects.toThrow(/ECONNREFUSED/);
  });

  test('mariadb', async () => {
    const server = await startMariadb();
    cleanups.push(() => server.stop());
    expect(await server.createDatabase('ccdb')).toBe(`mysql://root@127.0.0.1:${server.port}/ccdb`);
    await expect(server.createDatabase('a`b')).rejects.toThrow('not a database name');
    await expect(server.createDatabase('ccdb')).rejects.toThrow(/exists/);
  }, 60_000);
});

describe('startMysql', () => {
  test('starts a real MySQL, also again on the same data', async () => {
    const programs = await mysqlPrograms();
    if ('missing' in programs) {
      process.stderr.write(`skipped, no MySQL: ${programs.missing}\n`);
      return;
    }
    const server = await startMysql();
    cleanups.push(() => server.stop());
    await server.createDatabase('kept');
    await server.restart({ kill: true });
    await expect(server.createDatabase('kept')).rejects.toThrow(/database exists/);
    expect(await greeting(server.port)).not.toContain('MariaDB');
  }, 120_000);
});
