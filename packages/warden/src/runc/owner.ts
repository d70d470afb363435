import { createHash } from 'node:crypto';
import { join } from 'node:path';

/** Where what all wardens of a host must agree on is kept, and what must be reachable from within containers. */
export const RUN_DIR = '/run/vcap-warden';
/** How the interfaces of every owner's containers begin. */
export const ANY_OWNERS = 'vw';
/** Marks our helper processes: `<owner>:<tag of the one warden object>`. */
export const OWNER_VARIABLE = 'VCAP_WARDEN_OWNER';

/**
 * Every name that one warden gives to things of the kernel. All of them follow from its state directory, so that a warden
 * started again finds them, and one with another directory on the same host never does.
 */
export class Owner {
  readonly id: string;
  readonly stateDir: string;
  /** Prefix of interfaces, whose names may have 15 characters. */
  readonly netPrefix: string;
  readonly table: string;
  /** Under each cgroup controller. */
  readonly cgroupParent: string;
  /** Skeletons of root file systems. */
  readonly runDir: string;
  readonly runtimeRoot: string;

  constructor(stateDir: string) {
    this.id = createHash('sha256').update(stateDir).digest('hex').slice(0, 7);
    this.stateDir = stateDir;
    this.netPrefix = `${ANY_OWNERS}${this.id}-`;
    this.table = `vcap_${this.id}`;
    this.cgroupParent = `/vcap-${this.id}`;
    this.runDir = join(RUN_DIR, this.id);
    this.runtimeRoot = join(this.runDir, 'runtime');
  }

  /** Name of the host's end of a container's wire. */
  netName(slot: number): string {
    return this.netPrefix + String(slot);
  }

  cgroup(handle: string): string {
    return `${this.cgroupParent}/${handle}`;
  }

  files(handle: string): ContainerFiles {
    return new ContainerFiles(join(this.stateDir, handle));
  }
}

/** The files of one container outside its disk. */
export class ContainerFiles {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  get record(): string {
    return join(this.dir, 'record.json');
  }
  get image(): string {
    return join(this.dir, 'image');
  }
  /** Where the image is mounted: `home`, `tmp` and the file `status`, which so cannot grow beyond the disk. */
  get disk(): string {
    return join(this.dir, 'disk');
  }
  get home(): string {
    return join(this.disk, 'home');
  }
  get tmp(): string {
    return join(this.disk, 'tmp');
  }
  get status(): string {
    return join(this.disk, 'status');
  }
  /** A FIFO that all processes of the container hold open for writing: its end is theirs. */
  get life(): string {
    return join(this.dir, 'life');
  }
  /** Seen read-only in the container as /run/warden. */
  get control(): string {
    return join(this.dir, 'control');
  }
  get go(): string {
    return join(this.control, 'go');
  }
  get launch(): string {
    return join(this.control, 'launch');
  }
  get pid(): string {
    return join(this.dir, 'pid');
  }
  get log(): string {
    return join(this.dir, 'runtime.log');
  }
}
