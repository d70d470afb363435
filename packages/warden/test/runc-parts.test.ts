import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { tempDir } from '@vcap/testkit';
import type { TempDir } from '@vcap/testkit';
import { AddressPlan, parseRange } from '../src/runc/addresses.ts';
import { Cgroup, layoutOf } from '../src/runc/cgroup.ts';
import { delegateCgroups } from '../src/runc/delegate-cgroups.ts';
import { imageBytes } from '../src/runc/disk.ts';
import { egressLines } from '../src/runc/egress.ts';
import { parseMountinfo } from '../src/runc/mounts.ts';
import { sharesOf } from '../src/runc/oci-config.ts';
import { Owner } from '../src/runc/owner.ts';
import { seccompProfile } from '../src/runc/seccomp.ts';

describe('addresses', () => {
  test('a slot has its network of four and two user ids, and no two slots share any', () => {
    const plan = new AddressPlan('10.254.0.0/16', 1000);
    expect(plan.slots).toBe(16_384);
    expect(plan.numbers(0)).toEqual({
      gateway: '10.254.0.1',
      address: '10.254.0.2',
      rootUid: 1000,
      uid: 1001,
    });
    expect(plan.numbers(16_383)).toMatchObject({ address: '10.254.255.254', uid: 1000 + 2 * 16_383 + 1 });
  });

  test.each(['10.254.0.0', '10.254.0.0/33', 'fd00::/8', '10.254.0.256/16', ''])(
    '%p is no network',
    (text) => {
      expect(() => new AddressPlan(text, 1)).toThrow('no IPv4 network');
    },
  );

  test('ranges are networks, single addresses and spans', () => {
    expect(parseRange('10.0.0.5')).toEqual({ first: 0x0a000005, last: 0x0a000005 });
    expect(parseRange('10.0.0.5/24')).toEqual({ first: 0x0a000000, last: 0x0a0000ff });
    expect(parseRange('10.0.0.5-10.0.0.9')).toEqual({ first: 0x0a000005, last: 0x0a000009 });
    for (const bad of ['10.0.0.9-10.0.0.5', '10.0.0.1/2/3', '1.2.3', 'a', '1.2.3.4 accept'])
      expect(parseRange(bad)).toBeUndefined();
  });
});

describe('egress rules', () => {
  test('become lines of parsed parts alone', () => {
    expect(egressLines({ protocol: 'tcp', destination: '10.1.0.0/16', ports: '3306' })).toEqual([
      'ip daddr 10.1.0.0/16 tcp dport 3306-3306 accept',
    ]);
    expect(egressLines({ protocol: 'icmp', destination: '10.1.0.5' })).toEqual([
      'ip daddr 10.1.0.5 ip protocol icmp accept',
    ]);
  });

  test.each([
    { protocol: 'tcp', destination: '1.2.3.4; drop' },
    { protocol: 'tcp', destination: '1.2.3.4', ports: '99999' },
    { protocol: 'udp', destination: '1.2.3.4', ports: '20-10' },
    { protocol: 'tcp', destination: '1.2.3.4', ports: '1,2' },
  ] as const)('%j is refused', (rule) => {
    expect(() => egressLines(rule)).toThrow('egress rule');
  });
});

describe('names', () => {
  test('follow from the state directory, fit the kernel, and differ between owners', () => {
    const [one, other] = [new Owner('/a/warden'), new Owner('/b/warden')];
    expect(new Owner('/a/warden').netPrefix).toBe(one.netPrefix);
    expect(one.netPrefix).not.toBe(other.netPrefix);
    expect(one.netName(16_383).length).toBeLessThanOrEqual(15);
  });
});

describe('cgroups', () => {
  let dir: TempDir;
  beforeEach(async () => {
    dir = await tempDir('cgroup');
  });
  afterEach(() => dir.remove());
  const write = async (files: Record<string, string>): Promise<void> => {
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(dir.path, name)), { recursive: true });
      await writeFile(join(dir.path, name), text);
    }
  };
  const line = (point: string, type: string, options: string): string =>
    `30 25 0:26 / ${point} rw,nosuid - ${type} cgroup ${options}`;

  test('of version 2 are read', async () => {
    const layout = layoutOf(parseMountinfo(line(dir.path, 'cgroup2', 'rw')));
    if (layout === undefined) throw new Error('no layout');
    expect(layout.version).toBe(2);
    await write({
      'p/c/memory.current': '5000000\n',
      'p/c/memory.stat': 'anon 3000000\ninactive_file 1000000\nactive_file 5\n',
      'p/c/memory.events': 'low 0\noom 3\noom_kill 2\noom_group_kill 0\n',
      'p/c/cpu.stat': 'usage_usec 1500\nuser_usec 1000\n',
      'p/c/pids.current': '7\n',
    });
    expect(new Cgroup(layout, '/p/c').use()).toEqual({
      memBytes: 4_000_000,
      cpuNanoseconds: 1_500_000,
      pids: 7,
      oomKills: 2,
    });
    expect(new Cgroup(layout, '/p/gone').use()).toBeUndefined();
  });

  test('of version 2 that hold processes themselves are emptied, so that they can be divided', async () => {
    const layout = { version: 2 as const, memory: '', cpu: '', pids: '', hierarchies: [dir.path] };
    await write({
      'cgroup.type': 'domain\n',
      'cgroup.procs': '',
      'cgroup.subtree_control': '',
      'vcap-host/x': '',
    });
    await delegateCgroups(layout);
    expect(await readFile(join(dir.path, 'cgroup.subtree_control'), 'utf8')).toBe('+cpu +memory +pids');
    // The root of the whole machine has no type, and may hold processes.
    await rm(join(dir.path, 'cgroup.type'));
    await write({ 'cgroup.subtree_control': '' });
    await delegateCgroups(layout);
    expect(await readFile(join(dir.path, 'cgroup.subtree_control'), 'utf8')).toBe('');
  });

  test('of version 1 are read, each figure in its hierarchy', async () => {
    const point = (name: string): string => join(dir.path, name);
    const mounts = ['memory', 'cpu,cpuacct', 'pids'].map((name) => line(point(name), 'cgroup', `rw,${name}`));
    const layout = layoutOf(parseMountinfo(mounts.join('\n')));
    if (layout === undefined) throw new Error('no layout');
    await write({
      'memory/p/c/memory.stat': 'rss 1\ntotal_cache 300\ntotal_rss 2000\ntotal_inactive_file 100\n',
      'memory/p/c/memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 1\n',
      'cpu,cpuacct/p/c/cpuacct.usage': '123\n',
      'pids/p/c/pids.current': '4\n',
    });
    expect(new Cgroup(layout, '/p/c').use()).toEqual({
      memBytes: 2200,
      cpuNanoseconds: 123,
      pids: 4,
      oomKills: 1,
    });
  });

  test('are of no use when a controller is missing', () => {
    expect(layoutOf(parseMountinfo(line('/x', 'cgroup', 'rw,memory')))).toBeUndefined();
    expect(layoutOf([])).toBeUndefined();
  });
});

describe('limits', () => {
  test('an image leaves its user what was asked for', () => {
    const mb = 1024 * 1024;
    for (const [disk, inodes] of [
      [1, 64],
      [256, 200_000],
      [4096, 200_000],
    ] as const) {
      const size = imageBytes(disk * mb, inodes);
      expect(size).toBeGreaterThanOrEqual(disk * mb + inodes * 256);
      expect(size).toBeLessThan(disk * mb * 1.01 + inodes * 256 + 4 * mb);
    }
  });

  test('processor goes by memory within bounds', () => {
    expect([8, 512, 100_000].map(sharesOf)).toEqual([2, 64, 256]);
  });

  test('calls that lead out are not on the list', () => {
    const text = JSON.stringify(seccompProfile());
    for (const name of [
      'mount',
      'unshare',
      'setns',
      'ptrace',
      'bpf',
      'keyctl',
      'init_module',
      'io_uring_setup',
      'pivot_root',
      'chroot',
      'process_vm_readv',
      'userfaultfd',
      'perf_event_open',
      'kexec_load',
      'open_by_handle_at',
    ])
      expect(text).not.toContain(`"${name}"`);
  });
});
