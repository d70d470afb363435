import { HOST_PATH } from './helpers.ts';
import type { SlotNumbers } from './addresses.ts';
import type { ContainerFiles } from './owner.ts';
import { CONTROL, HOME, INIT, isBelowTmp, START } from './rootfs.ts';
import type { Skeleton } from './rootfs.ts';
import { seccompProfile } from './seccomp.ts';
import type { ContainerSpec, RunOptions } from '../types.ts';

const MB = 1024 * 1024;
const DEFAULT_PIDS = 512;
const QUOTA_PERIOD_US = 100_000;
/** Id of the application inside, user and group. */
const VCAP = 1000;
const NO_CAPABILITIES = { bounding: [], effective: [], inheritable: [], permitted: [], ambient: [] };
const MASKED = [
  'acpi',
  'asound',
  'kcore',
  'keys',
  'latency_stats',
  'timer_list',
  'timer_stats',
  'sched_debug',
  'scsi',
];
const READ_ONLY = ['bus', 'fs', 'irq', 'sys', 'sysrq-trigger'];

/** What a configuration is written from. */
export interface ConfigInput {
  spec: ContainerSpec;
  files: ContainerFiles;
  skeleton: Skeleton;
  numbers: SlotNumbers;
  cgroup: string;
  /** Host path of the init program: linked statically, so that it runs in any userland. */
  initProgram: string;
  /** Whether the kernel counts swap. */
  swapLimit: boolean;
}

type Options = string[];
const bind = (source: string, destination: string, options: Options): Record<string, unknown> => ({
  type: 'bind',
  source,
  destination,
  options: ['rbind', 'nosuid', 'nodev', ...options],
});
const readOnly = ({ source, target }: Skeleton['binds'][number]): Record<string, unknown> =>
  bind(source, target, ['ro']);
const mount = (type: string, destination: string, options: Options): Record<string, unknown> => ({
  type,
  source: type,
  destination,
  options: ['nosuid', ...options],
});

/** The OCI runtime's configuration of one container. */
export function ociConfig(input: ConfigInput): Record<string, unknown> {
  const { files, skeleton, spec } = input;
  return {
    ociVersion: '1.0.2',
    hostname: spec.handle.slice(0, 63),
    root: { path: skeleton.root, readonly: true },
    process: {
      ...processOf(spec, { PATH: HOST_PATH }, HOME),
      args: [INIT, '-g', '--', '/bin/sh', START],
    },
    mounts: [
      ...skeleton.binds.filter(({ target }) => !isBelowTmp(target)).map(readOnly),
      bind(skeleton.etc, '/etc', ['ro', 'noexec']),
      mount('proc', '/proc', ['noexec', 'nodev']),
      mount('tmpfs', '/dev', ['noexec', 'mode=755', 'size=64k']),
      mount('devpts', '/dev/pts', ['noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620']),
      mount('tmpfs', '/dev/shm', ['noexec', 'nodev', 'mode=1777', 'size=16m', 'nr_inodes=1024']),
      bind(files.home, HOME, ['rw']),
      bind(files.tmp, '/tmp', ['rw']),
      bind(files.tmp, '/var/tmp', ['rw']),
      ...skeleton.binds.filter(({ target }) => isBelowTmp(target)).map(readOnly),
      bind(files.control, CONTROL, ['ro', 'noexec']),
      bind(input.initProgram, INIT, ['ro']),
    ],
    linux: linuxOf(input),
  };
}

/** Configuration of a further command in a container. */
export const execConfig = (spec: ContainerSpec, run: RunOptions, cwd: string): Record<string, unknown> => ({
  ...processOf(spec, run.env, cwd),
  args: [...run.argv],
});

function processOf(spec: ContainerSpec, env: Record<string, string>, cwd: string): Record<string, unknown> {
  return {
    terminal: false,
    user: { uid: VCAP, gid: VCAP, umask: 0o077 },
    env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    cwd,
    capabilities: NO_CAPABILITIES,
    noNewPrivileges: true,
    oomScoreAdj: 500,
    rlimits: [
      { type: 'RLIMIT_NOFILE', hard: spec.fds, soft: spec.fds },
      { type: 'RLIMIT_CORE', hard: 0, soft: 0 },
      { type: 'RLIMIT_MEMLOCK', hard: 64 * 1024, soft: 64 * 1024 },
    ],
  };
}

function linuxOf({ cgroup, numbers, spec, swapLimit }: ConfigInput): Record<string, unknown> {
  const ids = [
    { containerID: 0, hostID: numbers.rootUid, size: 1 },
    { containerID: VCAP, hostID: numbers.uid, size: 1 },
  ];
  const limit = spec.memoryMb * MB;
  return {
    namespaces: ['pid', 'mount', 'ipc', 'uts', 'user', 'cgroup', 'network'].map((type) => ({ type })),
    uidMappings: ids,
    gidMappings: ids,
    cgroupsPath: cgroup,
    rootfsPropagation: 'rprivate',
    maskedPaths: MASKED.map((name) => `/proc/${name}`),
    readonlyPaths: READ_ONLY.map((name) => `/proc/${name}`),
    seccomp: seccompProfile(),
    resources: {
      devices: [{ allow: false, access: 'rwm' }],
      memory: { limit, ...(swapLimit ? { swap: limit } : {}) },
      pids: { limit: spec.pids ?? DEFAULT_PIDS },
      cpu: {
        shares: spec.cpuShares ?? sharesOf(spec.memoryMb),
        ...(spec.cpuCores === undefined
          ? {}
          : { period: QUOTA_PERIOD_US, quota: Math.max(1000, Math.round(spec.cpuCores * QUOTA_PERIOD_US)) }),
      },
    },
  };
}

/** Processor by memory: who gets more of one gets more of the other, within reason. */
export const sharesOf = (memoryMb: number): number => Math.min(256, Math.max(2, Math.round(memoryMb / 8)));
