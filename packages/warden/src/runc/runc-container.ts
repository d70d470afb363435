import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import type { Clock } from '@vcap/clock';
import { isAlive, readStatSync } from '../proc/proc-stat.ts';
import { copyIn, copyOut } from '../files/copy-tree.ts';
import { partsOf } from '../files/beneath.ts';
import { follow } from '../output/follow.ts';
import type { ContainerRecord } from '../snapshot-schema.ts';
import type {
  Container,
  ContainerExit,
  ContainerInfo,
  ContainerSnapshot,
  OutputChunk,
  ProcessIdentity,
  RunOptions,
  SpawnOptions,
} from '../types.ts';
import { unbuildDisk, unbuildRuntime } from './build.ts';
import { Cgroup } from './cgroup.ts';
import { execInContainer } from './exec.ts';
import type { RuncHost } from './host.ts';
import { checkLaunch, launchApplication, readStatus } from './launch.ts';
import { LifeLine } from './life-line.ts';
import { Meter } from './meter.ts';
import { execConfig } from './oci-config.ts';
import type { ContainerFiles } from './owner.ts';
import { writeRecord } from './records.ts';
import { HOME } from './rootfs.ts';

const POLL_MS = 5;
const KILLED = 137;

/** An application in namespaces and a cgroup of its own. */
export class RuncContainer implements Container {
  private readonly host: RuncHost;
  private readonly record: ContainerRecord;
  private readonly files: ContainerFiles;
  private readonly meter: Meter;
  private readonly forget: (handle: string) => Promise<void>;
  private readonly ended = new AbortController();
  private readonly listeners: ((exit: ContainerExit) => void)[] = [];
  private lifeLine: LifeLine | undefined;
  private go: FileHandle | undefined;
  private exit: ContainerExit | undefined;
  private settling: Promise<void> | undefined;
  private destroying: Promise<void> = Promise.resolve();
  private gone = false;

  /** `forget` is told when nothing is left of the container. */
  constructor(host: RuncHost, record: ContainerRecord, forget: (handle: string) => Promise<void>) {
    this.host = host;
    this.record = record;
    this.forget = forget;
    this.files = host.owner.files(record.spec.handle);
    const cgroup = new Cgroup(host.cgroups, host.owner.cgroup(record.spec.handle));
    const { address } = host.addresses.numbers(record.slot);
    this.meter = new Meter(host.clock, cgroup, this.files, address);
  }

  get handle(): string {
    return this.record.spec.handle;
  }

  get slot(): number {
    return this.record.slot;
  }

  get retired(): boolean {
    return this.record.retired;
  }

  /** Starts to watch a container that was just made. */
  async watchNew(): Promise<void> {
    this.meter.startFresh();
    await this.watch();
  }

  /** Takes over what a warden before us left. */
  async adopt(): Promise<void> {
    const { exit, process } = this.record;
    if (exit !== undefined) return this.tell(exit);
    if (process !== undefined && (await isAlive(process))) await this.watch();
    else await this.settled();
  }

  appPath(path: string): string {
    return join(HOME, path);
  }

  async unpack(archivePath: string): Promise<void> {
    const archive = await open(archivePath, 'r');
    let complaint = '';
    try {
      const { exitStatus, reason } = await this.run({
        argv: ['tar', '--no-same-owner', '-xzf', '-', '-C', HOME],
        cwd: '.',
        env: { PATH: '/usr/local/bin:/usr/bin:/bin', LANG: 'C.UTF-8' },
        stdin: archive.fd,
        onOutput: (chunk) => {
          if (complaint.length < 1000) complaint += chunk.toString('utf8');
        },
      });
      if (exitStatus !== 0)
        throw new Error(reason === 'exited' ? (complaint.trim().split('\n')[0] ?? '') : reason);
    } finally {
      await archive.close();
    }
  }

  async spawn(options: SpawnOptions): Promise<ProcessIdentity> {
    const { record } = this;
    if (record.spawned) throw new Error(`container ${this.handle} has its process already`);
    if (this.exit !== undefined || record.process === undefined)
      throw new Error(`container ${this.handle} has ended already`);
    const { stderrPath, stdoutPath } = options;
    const launch = {
      argv: options.argv,
      env: options.env,
      cwd: this.appPath(partsOf(options.cwd).join('/')),
      stdoutPath: this.seenInside(stdoutPath),
      stderrPath: this.seenInside(stderrPath),
    };
    checkLaunch(launch);
    record.spawned = true;
    record.output = { stdoutPath, stderrPath };
    await writeRecord(this.files, record);
    this.go = await launchApplication(this.files, this.host.addresses.numbers(record.slot).uid, launch);
    return record.process;
  }

  async run(options: RunOptions): Promise<ContainerExit> {
    const { clock, helpers, owner, runtime } = this.host;
    const cwd = this.appPath(partsOf(options.cwd).join('/'));
    const before = this.meter.sample(this.record.emptyDisk).oomKills;
    const config = execConfig(this.record.spec, options, cwd);
    const target = { clock, helpers, runtime, runtimeRoot: owner.runtimeRoot, handle: this.handle };
    const exitStatus = await execInContainer({ ...target, dir: this.files.dir, config }, options);
    const { oomKills } = this.meter.sample(this.record.emptyDisk);
    return { exitStatus, reason: exitStatus !== 0 && oomKills > before ? 'out of memory' : 'exited' };
  }

  output(options: Parameters<Container['output']>[0] = {}): AsyncIterable<OutputChunk> {
    const { output, spec } = this.record;
    if (output === undefined) throw new Error(`container ${this.handle} has no application yet`);
    return follow({
      clock: this.host.clock,
      rootDir: spec.rootDir,
      paths: { stdout: output.stdoutPath, stderr: output.stderrPath },
      from: options.from ?? {},
      ended: this.ended.signal,
      ...(options.signal ? { signal: options.signal } : {}),
    });
  }

  copyIn(hostPath: string, path: string): Promise<void> {
    const { uid } = this.host.addresses.numbers(this.record.slot);
    return copyIn(hostPath, this.files.home, path, { uid, gid: uid });
  }

  copyOut(path: string, hostPath: string): Promise<void> {
    return copyOut(this.files.home, path, hostPath);
  }

  onExit(listener: (exit: ContainerExit) => void): void {
    if (this.exit === undefined) this.listeners.push(listener);
    else listener(this.exit);
  }

  wait(): Promise<ContainerExit> {
    return new Promise((resolve) => this.onExit(resolve));
  }

  info(): ContainerInfo {
    return this.meter.info;
  }

  async measure(): Promise<ContainerInfo> {
    return this.meter.sample(this.record.emptyDisk);
  }

  /** A look from time to time: figures, and whether it ended without our being told. */
  async sample(): Promise<void> {
    if (this.exit !== undefined || this.gone) return;
    this.meter.sample(this.record.emptyDisk);
    const { process: identity } = this.record;
    const stat = identity && readStatSync(identity.pid);
    if (stat?.startTime !== identity?.startTime || stat?.state === 'Z') await this.settled();
  }

  async stop(graceMs: number): Promise<{ killed: boolean }> {
    if (this.exit !== undefined) return { killed: false };
    if (this.record.spawned && (await this.signal('SIGTERM'))) {
      const grace = new AbortController();
      this.onExit(() => grace.abort());
      await this.host.clock.sleep(graceMs, grace.signal);
    }
    const killed = this.exit === undefined;
    await this.kill();
    return { killed: killed && this.record.spawned };
  }

  destroy(options: { keepFiles?: boolean } = {}): Promise<void> {
    this.destroying = this.destroying
      .catch(() => undefined)
      .then(() => this.dismantle(options.keepFiles === true));
    return this.destroying;
  }

  snapshot(): ContainerSnapshot {
    const { output, process, spawned, spec } = this.record;
    return {
      isolation: 'runc',
      spec,
      ...(process !== undefined && spawned ? { process } : {}),
      ...(output === undefined ? {} : { output }),
    };
  }

  private async dismantle(keepFiles: boolean): Promise<void> {
    if (this.gone) return;
    if (!this.record.retired) {
      await this.kill();
      await unbuildRuntime(this.host, this.record);
      this.record.retired = true;
      await this.note();
    }
    if (keepFiles) return;
    await unbuildDisk(this.host, this.record);
    this.gone = true;
    await this.forget(this.handle);
  }

  /** For a warden after us; that it could not be written must not keep anything from ending. */
  private async note(): Promise<void> {
    await writeRecord(this.files, this.record).catch(() => undefined);
  }

  private async watch(): Promise<void> {
    this.lifeLine = await LifeLine.open(this.files.life, () => void this.settled());
  }

  private async kill(): Promise<void> {
    if (this.exit !== undefined) return;
    await this.signal('SIGKILL');
    await this.settled();
  }

  /** Signals the init program: TERM it passes on, and with its KILL everything in the container ends. */
  private async signal(signal: NodeJS.Signals): Promise<boolean> {
    const identity = this.record.process;
    if (identity === undefined || !(await isAlive(identity))) return false;
    try {
      return process.kill(identity.pid, signal);
    } catch {
      return false; // ended meanwhile
    }
  }

  private settled(): Promise<void> {
    this.settling ??= this.settle();
    return this.settling;
  }

  private async settle(): Promise<void> {
    const { process: identity, spawned } = this.record;
    // The life line ends a moment before the process does.
    if (identity !== undefined) await until(async () => !(await isAlive(identity)), this.host.clock);
    const exitStatus = (await readStatus(this.files)) ?? (spawned ? KILLED : -1);
    const memory = this.meter.endedByMemory(exitStatus);
    const other = exitStatus === -1 ? 'unknown' : 'exited';
    this.record.exit = { exitStatus, reason: memory ? 'out of memory' : other };
    await this.note();
    this.tell(this.record.exit);
  }

  private tell(exit: ContainerExit): void {
    this.exit = exit;
    this.lifeLine?.close();
    void this.go?.close();
    this.ended.abort();
    for (const listener of this.listeners.splice(0)) listener(exit);
  }

  private seenInside(hostPath: string): string {
    const path = relative(this.record.spec.rootDir, hostPath);
    if (path === '' || path === '..' || path.startsWith(`..${sep}`) || path.startsWith(sep))
      throw new Error(`${hostPath} is outside of the container's directory`);
    return this.appPath(path);
  }
}

async function until(condition: () => Promise<boolean>, clock: Clock): Promise<void> {
  while (!(await condition())) await clock.sleep(POLL_MS);
}
