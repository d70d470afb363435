/** An allow rule for what a container may reach besides the default. */
export interface EgressRule {
  protocol: 'tcp' | 'udp' | 'icmp' | 'all';
  /** An IPv4 address, a network (`10.1.0.0/16`) or a range (`10.1.0.5-10.1.0.9`). */
  destination: string;
  /** `3306` or `3000-4000`; tcp and udp only, every port when it is left out. */
  ports?: string;
}

/** A directory of the host that a container sees, read-only, under another path or its own. */
export interface ReadOnlyPath {
  /** Absolute path on the host. */
  source: string;
  /** Absolute path in the container; `source` when it is left out. */
  target?: string;
}

/** What a container is made for: one instance of one application, or one staging. */
export interface ContainerSpec {
  /** Unique name of the container: letters, digits, `-` and `_` only. */
  handle: string;
  /**
   * The instance's directory on the host, absolute. It must exist and be empty; `create` makes `app`, `logs` and `tmp`
   * in it. `destroy` leaves the directory itself alone; the files in it go with the disk of a `runc` container.
   */
  rootDir: string;
  /** Ceiling of memory in MB; passing it ends the application with the reason `out of memory`. */
  memoryMb: number;
  /** Ceiling of all it writes, in MB. */
  diskMb: number;
  /** Ceiling of open files of each process. */
  fds: number;
  /** Host ports the application listens on: what comes to them on any address of the host reaches it. */
  ports?: number[];
  /** Ceiling of files and directories; 200000 by default. `runc` only. */
  inodes?: number;
  /** Ceiling of processes and threads; 512 by default. `runc` only. */
  pids?: number;
  /** Hard ceiling of processor use in cores; none by default. `runc` only. */
  cpuCores?: number;
  /** Weight against other containers when the processor is short; by memory when it is left out. `runc` only. */
  cpuShares?: number;
  /** Ceiling of network use each way, in bytes a second; none by default. `runc` only. */
  bandwidth?: { bytesPerSecond: number; burstBytes: number };
  /** What it may reach besides the default. `runc` only. */
  egress?: EgressRule[];
  /** Directory with a userland of its own; the host's when it is left out. `runc` only. */
  rootfs?: string;
  /** More of the host than its userland. A `process` container sees everything anyway, under its own path. */
  readOnlyPaths?: ReadOnlyPath[];
}

/** The application's own process. Nothing here ever becomes shell text. */
export interface SpawnOptions {
  argv: readonly [string, ...string[]];
  /** Working directory, relative to the root directory. */
  cwd: string;
  /** The whole environment; nothing is inherited from the caller. */
  env: Record<string, string>;
  /** Host paths under `rootDir`, opened for appending, so that the caller may truncate them while they are written. */
  stdoutPath: string;
  stderrPath: string;
}

/** A command that runs in the container beside, or before, the application. */
export interface RunOptions {
  argv: readonly [string, ...string[]];
  /** Working directory, relative to the root directory. */
  cwd: string;
  /** The whole environment. */
  env: Record<string, string>;
  /** Open file descriptor to read from; nothing by default. */
  stdin?: number;
  /** Open file descriptor that takes stdout in place of `onOutput`. */
  stdout?: number;
  onOutput?: (chunk: Buffer, source: OutputSource) => void;
  /** Aborting kills the command and its process group; `run` then rejects with the signal's reason. */
  signal?: AbortSignal;
}

export type OutputSource = 'stdout' | 'stderr';

/** A piece of what the application wrote. */
export interface OutputChunk {
  source: OutputSource;
  data: Buffer;
  /** Where the next piece of this source starts: give it back to go on from here. */
  nextOffset: number;
}

/** Which process a container runs: the pid alone may be reused, the pair is not. */
export interface ProcessIdentity {
  pid: number;
  /** Clock ticks since boot, from /proc/<pid>/stat. */
  startTime: number;
}

/** Why an application is no longer there. */
export type ExitReason = 'exited' | 'out of memory' | 'out of disk' | 'unknown';

/** How an application ended. */
export interface ContainerExit {
  /** 128 + signal number for one killed by a signal; -1 when nobody could tell. */
  exitStatus: number;
  reason: ExitReason;
}

/** What a container uses now. */
export interface ContainerInfo {
  isolation: Isolation;
  /** Bytes of memory of all its processes: resident, and with `runc` its page cache that is in use. */
  memBytes: number;
  /** Cores used between the last two samples; 1 is one full core. */
  cpuFraction: number;
  /** Bytes allocated of its disk. */
  diskBytes: number;
  /** How many processes it has. */
  pids: number;
  /** Files and directories on its disk. */
  inodes: number;
  /** Processor time used since its start, in nanoseconds. */
  cpuNanoseconds: number;
  /** How often the kernel killed a process of it for want of memory. */
  oomKills: number;
  /** Its own address; undefined when it shares the host's. */
  address?: string;
}

/** Enough to find a running container again after the caller was restarted; JSON-safe. */
export interface ContainerSnapshot {
  isolation: Isolation;
  spec: ContainerSpec;
  process?: ProcessIdentity;
  /** Where the application's output goes. */
  output?: { stdoutPath: string; stderrPath: string };
}

/** How far applications are kept apart. */
export type Isolation = 'process' | 'runc';

/** One application instance's box. */
export interface Container {
  readonly handle: string;
  /** The path under which the application itself sees `relative` of its root directory. */
  appPath(relative: string): string;
  /** Unpacks a tar.gz of the host into the root directory; rejects with tar's own complaint. */
  unpack(archivePath: string): Promise<void>;
  /** Starts the application; it may be called once. */
  spawn(options: SpawnOptions): Promise<ProcessIdentity>;
  /** Runs a command to its end. Rejects when it cannot be started or was aborted. */
  run(options: RunOptions): Promise<ContainerExit>;
  /**
   * What the application writes, from the given offsets on, until it has ended and all was read. Goes on over a cut of
   * the files (what was cut is lost). Ends at once when `signal` aborts.
   */
  output(options?: {
    from?: Partial<Record<OutputSource, number>>;
    signal?: AbortSignal;
  }): AsyncIterable<OutputChunk>;
  /** Copies a file or directory of the host to `relative`, as the application's own; links in the way are refused. */
  copyIn(hostPath: string, relative: string): Promise<void>;
  /**
   * Copies a file or directory out to `hostPath`, which must not exist. Nothing outside the container is ever read: links
   * that lead out, devices, sockets and FIFOs are left out.
   */
  copyOut(relative: string, hostPath: string): Promise<void>;
  /** Calls back once when the application has ended, also when it already has. */
  onExit(listener: (exit: ContainerExit) => void): void;
  /** The same as a promise. */
  wait(): Promise<ContainerExit>;
  /** The last sample. */
  info(): ContainerInfo;
  /** Takes a sample now. */
  measure(): Promise<ContainerInfo>;
  /** TERM to the application, KILL to all that is left after `graceMs`. Resolves when nothing is left. */
  stop(graceMs: number): Promise<{ killed: boolean }>;
  /**
   * Kills what runs and forgets the container. With `keepFiles` the files under `rootDir` stay readable (and the snapshot
   * adoptable) until it is destroyed without.
   */
  destroy(options?: { keepFiles?: boolean }): Promise<void>;
  snapshot(): ContainerSnapshot;
}

/** A maker of containers; what kind shows in `isolation` alone. */
export interface Warden {
  readonly isolation: Isolation;
  create(spec: ContainerSpec): Promise<Container>;
  /**
   * The container of a snapshot if its process still runs, left its exit status, or its files were kept, else undefined.
   */
  adopt(snapshot: ContainerSnapshot): Promise<Container | undefined>;
  /**
   * Destroys everything of this warden's on the machine that was neither created nor adopted; gives the handles. Nothing
   * of other wardens is touched.
   */
  destroyOrphans(): Promise<string[]>;
  /** Stops sampling; containers run on. */
  close(): void;
}

/** What `create` makes in the root directory. */
export const HOME_DIRECTORIES = ['app', 'logs', 'tmp'] as const;
