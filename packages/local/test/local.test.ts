import { spawn } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { tempDir, waitFor } from '@vcap/testkit';
import type { TempDir } from '@vcap/testkit';
import { LocalCluster } from '../src/cluster.ts';
import { mustBeFree } from '../src/free-port.ts';
import { RunFile } from '../src/leftovers.ts';
import { ManagedProcess } from '../src/managed-process.ts';
import { readOptions } from '../src/options.ts';
import { isAlive, startTimeOf } from '../src/process-identity.ts';
import { keptSecret } from '../src/secrets.ts';

let dir: TempDir;
let processes: ManagedProcess[];
beforeEach(async () => {
  dir = await tempDir('local-');
  processes = [];
});
afterEach(async () => {
  for (const each of processes) await each.stop();
  await dir.remove();
});

describe('options', () => {
  test('have defaults inside the checkout', () => {
    expect(readOptions([], {}, '/checkout')).toMatchObject({
      home: '/checkout/.vcap',
      port: 8080,
      domain: 'vcap.localhost',
      count: { dea: 1, router: 1 },
    });
  });

  test('take counts from arguments and the rest from the environment', () => {
    const env = { VCAP_HOME: '/data', VCAP_PORT: '81', VCAP_DOMAIN: 'Cloud.Test', VCAP_ADMIN_PASSWORD: 'x' };
    expect(readOptions(['--dea', '3', '--router', '2'], env, '/checkout')).toMatchObject({
      home: '/data',
      port: 81,
      domain: 'cloud.test',
      adminPassword: 'x',
      count: { dea: 3, router: 2, stager: 1 },
    });
  });

  test.each([
    [['--dea', '0'], {}, '--dea'],
    [['--dea', 'many'], {}, '--dea'],
    [['--bogus'], {}, '--bogus'],
    [[], { VCAP_PORT: '99999' }, 'VCAP_PORT'],
    [[], { VCAP_DOMAIN: 'not a domain' }, 'VCAP_DOMAIN'],
  ])('refuse %j %j naming the value', (args, env, what) => {
    expect(() => readOptions(args, env, '/checkout')).toThrow(what);
  });
});

test('a secret is made once, kept, private, and replaced when one is given', () => {
  const path = join(dir.path, 'secret');
  const first = keptSecret(path);
  expect(first.length).toBeGreaterThan(20);
  expect(keptSecret(path)).toBe(first);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(keptSecret(path, 'mine')).toBe('mine');
  expect(keptSecret(path)).toBe('mine');
});

test('a port in use is an error that says what to set', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, resolve);
  });
  const { port } = server.address() as AddressInfo;
  await expect(mustBeFree(port)).rejects.toThrow(/VCAP_PORT/);
  await new Promise((resolve) => {
    server.close(resolve);
  });
  expect(await mustBeFree(port)).toBeUndefined();
});

function managed(script: string, graceMs = 5000): { process: ManagedProcess; lines: string[] } {
  const lines: string[] = [];
  const made = new ManagedProcess(
    { name: 'part', argv: [process.execPath, '-e', script], logFile: join(dir.path, 'part.log'), graceMs },
    (line) => lines.push(line),
    () => undefined,
  );
  processes.push(made);
  made.start();
  return { process: made, lines };
}

describe('a managed process', () => {
  test('is started again when it dies unasked, and its output is in its log', async () => {
    const { process: part, lines } = managed(
      'console.log("here " + process.pid); setInterval(() => {}, 1000)',
    );
    const first = part.identity?.pid ?? 0;
    await waitFor(() => readFileSync(join(dir.path, 'part.log'), 'utf8').includes(`here ${first}`));
    process.kill(first, 'SIGKILL');
    await waitFor(() => part.running && part.identity?.pid !== first);
    expect(lines[0]).toContain('part ended (SIGKILL)');
  });

  test('that ignores TERM is killed after its grace, and is not started again', async () => {
    const { process: part, lines } = managed(
      'process.on("SIGTERM", () => {}); console.log("deaf"); setInterval(() => {}, 1000)',
      100,
    );
    await waitFor(() => readFileSync(join(dir.path, 'part.log'), 'utf8').includes('deaf'));
    await part.stop();
    expect(part.running).toBe(false);
    expect(lines).toEqual([expect.stringContaining('was killed')]);
  });
});

describe('the run file', () => {
  test('of a cluster that runs outlives a second one, which is refused', async () => {
    const path = join(dir.path, 'run.json');
    const owner = { name: 'local', pid: process.pid, startTime: startTimeOf(process.pid) ?? 0 };
    new RunFile(path).write(owner, []);
    const second = new LocalCluster('/checkout', readOptions([], { VCAP_HOME: dir.path }, ''), () => {});
    await expect(second.start()).rejects.toThrow(/already runs/);
    await second.stop();
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ owner, children: [] });
  });

  test('refuses a second cluster while the first lives', async () => {
    const file = new RunFile(join(dir.path, 'run.json'));
    file.write({ name: 'local', pid: process.pid, startTime: startTimeOf(process.pid) ?? 0 }, []);
    await expect(file.clear()).rejects.toThrow(/already runs/);
  });

  test('ends what a killed cluster left, and nothing that only has the same pid', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    const pid = child.pid ?? 0;
    const left = { name: 'dea-0', pid, startTime: startTimeOf(pid) ?? 0 };
    const other = { name: 'other', pid: process.pid, startTime: 1 };
    const file = new RunFile(join(dir.path, 'run.json'));
    file.write({ name: 'local', pid: 999_999_999, startTime: 1 }, [left, other]);
    const exited = new Promise((resolve) => {
      child.once('exit', resolve);
    });
    expect(await file.clear()).toEqual(['dea-0']);
    await exited;
    expect(isAlive(left)).toBe(false);
  }, 20_000);

  test('that is missing or spoilt is no obstacle', async () => {
    expect(await new RunFile(join(dir.path, 'none.json')).clear()).toEqual([]);
  });
});
