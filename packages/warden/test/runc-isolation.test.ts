import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { tempDir, waitFor } from '@vcap/testkit';
import type { Container } from '../src/index.ts';
import { Bench, ask, openRunc, runcMissing, spawnIn } from './support/backends.ts';
import { isRunning } from './support/processes.ts';

/** A system call made from Python: what it gives and errno. */
const call = (number: number | string, ...args: (number | string)[]): string =>
  `python3 -c "import ctypes; l = ctypes.CDLL(None, use_errno=True); print(l.syscall(${[number, ...args].join(', ')}), ctypes.get_errno())"`;

(runcMissing === undefined ? describe : describe.skip)(
  'what a hostile application meets in a runc container',
  () => {
    let bench: Bench;
    beforeAll(async () => {
      bench = await Bench.start(openRunc);
    });
    afterEach(() => bench.clear());
    afterAll(() => bench.stop());
    const said = async (container: Container, script: string): Promise<string> =>
      (await ask(container, script)).text;

    test('no privileges, and no way to any', async () => {
      const container = await bench.create();
      const status = await said(container, 'cat /proc/self/status');
      for (const set of ['Inh', 'Prm', 'Eff', 'Bnd', 'Amb'])
        expect(status).toMatch(`Cap${set}:\t0000000000000000`);
      expect(status).toMatch(/NoNewPrivs:\t1/);
      expect(status).toMatch(/Seccomp:\t2/);
      expect(await said(container, 'unshare -Ur true 2>&1 || echo refused')).toMatch(
        /not permitted[^]*refused/,
      );
      expect(await said(container, 'unshare -m true 2>&1 || echo refused')).toMatch('refused');
      expect(await said(container, 'mount -t tmpfs x /tmp 2>&1 || echo refused')).toMatch('refused');
      expect(await said(container, 'chroot / true 2>&1 || echo refused')).toMatch('refused');
      expect(await said(container, 'mknod /tmp/sda b 8 0 2>&1 || echo refused')).toMatch('refused');
      expect(await said(container, 'su -c id 2>&1 || echo refused')).toMatch('refused');
      expect(await said(container, 'renice -n -5 $$ 2>&1 || echo refused')).toMatch('refused');
    });

    test('a path of the host below /tmp is seen in the own /tmp, and is read-only', async () => {
      const { path } = await tempDir('warden-shared');
      await writeFile(join(path, 'runtime'), 'here\n');
      await chmod(path, 0o755);
      try {
        const container = await bench.create({ readOnlyPaths: [{ source: path }] });
        expect(
          await said(container, `cat ${path}/runtime; touch ${path}/x 2>&1; echo mine > /tmp/mine`),
        ).toMatch(/^here\n.*Read-only/);
        expect(await said(container, 'ls -A /tmp')).toMatch('mine');
        await expect(bench.create({ readOnlyPaths: [{ source: '/tmp' }] })).rejects.toThrow('would cover');
      } finally {
        await rm(path, { recursive: true });
      }
    });

    test('calls that are not listed are refused', async () => {
      const container = await bench.create();
      const numbers: Record<string, [number, ...number[]]> =
        process.arch === 'arm64'
          ? {
              ptrace: [117, 16, 1],
              keyctl: [219, 0],
              bpf: [280, 0],
              modules: [105, 0],
              readVm: [270, 1],
              uring: [425, 1],
            }
          : {
              ptrace: [101, 16, 1],
              keyctl: [250, 0],
              bpf: [321, 0],
              modules: [175, 0],
              readVm: [310, 1],
              uring: [425, 1],
            };
      for (const [number, ...args] of Object.values(numbers))
        expect(await said(container, call(number, ...args))).toBe('-1 1\n');
      const socket = (family: string, type: string): Promise<string> =>
        said(container, `python3 -c "import socket; socket.socket(${family}, ${type}, 1)" 2>&1 | tail -1`);
      expect(await socket('socket.AF_INET', 'socket.SOCK_RAW')).toMatch('PermissionError');
      expect(await socket('socket.AF_PACKET', 'socket.SOCK_RAW')).toMatch('PermissionError');
      expect(await socket('40', 'socket.SOCK_STREAM')).toMatch('PermissionError');
    });

    test('nothing of the host: files, processes, devices, kernel', async () => {
      const secret = join(bench.dir.path, 'snapshot.json');
      await writeFile(secret, 'secret');
      const container = await bench.create();
      expect(await said(container, `cat /etc/shadow ${secret} /root/.profile 2>&1`)).not.toMatch(
        /secret|root:[^x]/,
      );
      expect(await said(container, 'ls -d /sys /boot /root /var/lib /srv 2>/dev/null')).toBe('');
      expect(Number(await said(container, 'ls /proc | grep -c "^[0-9]"'))).toBeLessThan(8);
      expect(await said(container, `kill -0 ${process.pid} 2>&1`)).toMatch('No such process');
      expect((await said(container, 'ls /dev')).split('\n').filter(Boolean).sort()).toEqual(
        expect.not.arrayContaining(['vda', 'sda', 'loop0', 'mem', 'kmsg', 'fuse', 'loop-control']),
      );
      expect(await said(container, 'head -c 10 /proc/kcore 2>/dev/null | wc -c')).toBe('0\n');
      for (const path of ['/usr/bin/x', '/etc/x', '/x', '/proc/sys/kernel/x', '/run/warden/x', '/opt/x'])
        expect(await said(container, `(echo x >${path}) 2>&1 || echo refused`)).toMatch('refused');
      expect(await said(container, 'echo 1 2>&1 >/proc/sysrq-trigger || echo refused')).toMatch('refused');
    });

    test('nothing of its neighbours, whose user it is not', async () => {
      const neighbour = await bench.create();
      await ask(
        neighbour,
        'echo secret >/tmp/secret; echo secret >~/../secret; chmod -R a+rwX . /tmp/secret',
      );
      const container = await bench.create();
      expect(await said(container, 'cat /tmp/secret ../secret 2>/dev/null')).toBe('');
      const owner = async (each: Container): Promise<number> => {
        await spawnIn(each, 'exec sleep 1010');
        const { process: identity } = each.snapshot();
        const status = await readFile(`/proc/${identity?.pid}/status`, 'utf8');
        return Number(/^Uid:\t(\d+)/m.exec(status)?.[1]);
      };
      const [one, other] = [await owner(container), await owner(neighbour)];
      expect(one).toBeGreaterThan(1_000_000);
      expect(other).not.toBe(one);
    });

    test('its way out through links: home, logs and control files lead nowhere', async () => {
      const container = await bench.create();
      const done =
        'rm -rf ../logs ../tmp; ln -s /etc ../logs; ln -s / ../tmp; ln -s / ../home; echo 0 >../status; exit 9';
      await spawnIn(container, done);
      expect(await container.wait()).toEqual({ exitStatus: 9, reason: 'exited' });
      let read = '';
      for await (const { data } of container.output()) read += data.toString('utf8');
      expect(read).toBe('');
      await expect(container.copyOut('logs/passwd', join(bench.dir.path, 'passwd'))).rejects.toThrow(
        /ELOOP|ENOTDIR/,
      );
      const info = await container.measure();
      expect(info.inodes).toBeLessThan(20);
    });

    test('its end with all its processes, whatever they did to outlive it', async () => {
      const container = await bench.create();
      const pid = await spawnIn(
        container,
        `trap "" TERM; (setsid bash -c 'trap "" TERM HUP; sleep 1011' &) ; (setsid setsid sleep 1012 &); echo up; sleep 1013`,
      );
      await waitFor(async () => (await container.measure()).pids >= 5);
      expect(await container.stop(100)).toEqual({ killed: true });
      await waitFor(() => !isRunning(pid)); // gone from the table, too
      expect((await container.measure()).pids).toBe(0);
    });

    test('the same walls in a directory of another userland', async () => {
      // The host's own, by another path: a stack is any directory with the like.
      const container = await bench.create({ rootfs: '/' });
      expect(await said(container, 'id -un; cat /etc/passwd | wc -l')).toBe('vcap\n3\n');
    });
  },
);
