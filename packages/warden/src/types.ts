/** What a container is made for: one instance of one application. */
export interface ContainerSpec {
  /** Unique name of the container: letters, digits, `-` and `_` only. */
  handle: string;
  /** The instance's directory on the host, absolute. It must exist; `destroy` leaves it alone. */
  rootDir: string;
  /** Ceiling of resident memory in MB; passing it ends the application with the reason `out of memory`. */
  memoryMb: number;
  /** Ceiling of `rootDir` in MB. */
  diskMb: number;
  /** Ceiling of open files of each process. */
  fds: number;
  /** Host ports the application may listen on. */
  ports?: number[];
}

/** The application's own process. Nothing here ever becomes shell text. */
export interface SpawnOptions {
  argv: readonly [string, ...string[]];
  /** Working directory, relative to the root directory. */
  cwd: string;
  /** The whole environment; nothing is inherited from the caller. */
  env: Record<string, string>;
  /** Host paths, opened for appending, so that the caller may truncate them while they are written. */
  stdoutPath: string;
  stderrPath: string;
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
  /** Resident bytes of all its processes. */
  memBytes: number;
  /** Cores used between the last two samples; 1 is one full core. */
  cpuFraction: number;
  /** Bytes allocated under the root directory. */
  diskBytes: number;
  /** How many processes it has. */
  pids: number;
}

/** Enough to find a running container again after the caller was restarted; JSON-safe. */
export interface ContainerSnapshot {
  isolation: Isolation;
  spec: ContainerSpec;
  process?: ProcessIdentity;
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
  /** Calls back once when the application has ended, also when it already has. */
  onExit(listener: (exit: ContainerExit) => void): void;
  /** The same as a promise. */
  wait(): Promise<ContainerExit>;
  info(): ContainerInfo;
  /** TERM to the application, KILL to all that is left after `graceMs`. Resolves when nothing is left. */
  stop(graceMs: number): Promise<{ killed: boolean }>;
  /** Kills what runs and forgets the container. */
  destroy(): Promise<void>;
  snapshot(): ContainerSnapshot;
}

/** A maker of containers; what kind shows in `isolation` alone. */
export interface Warden {
  readonly isolation: Isolation;
  create(spec: ContainerSpec): Promise<Container>;
  /** The container of a snapshot if its process still runs or left its exit status, else undefined. */
  adopt(snapshot: ContainerSnapshot): Promise<Container | undefined>;
  /** Destroys everything this warden's state directory knows that was neither created nor adopted; gives the handles. */
  destroyOrphans(): Promise<string[]>;
  /** Stops sampling; containers run on. */
  close(): void;
}
