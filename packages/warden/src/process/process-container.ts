import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Clock } from '@vcap/clock';
import { copyIn, copyOut } from '../files/copy-tree.ts';
import { follow } from '../output/follow.ts';
import { isAlive, readStatSync } from '../proc/proc-stat.ts';
import { diskUsage } from '../proc/disk-usage.ts';
import { HANDLE_VARIABLE, membersOf } from '../proc/process-table.ts';
import type { ProcessTable, TableEntry } from '../proc/process-table.ts';
import type {
  Container,
  ContainerExit,
  ContainerInfo,
  ContainerSnapshot,
  ContainerSpec,
  ExitReason,
  OutputChunk,
  ProcessIdentity,
  RunOptions,
  SpawnOptions,
} from '../types.ts';
import { runProcess } from './run-process.ts';
import { UsageMeter } from './usage.ts';
import { readExitStatus, spawnWrapper } from './wrapper.ts';

const run = promisify(execFile);
const POLL_MS = 50;
const MEGABYTE = 1024 * 1024;

/** What a container borrows from its warden. */
export interface ContainerHost {
  clock: Clock;
  table: ProcessTable;
  statusFile(handle: string): string;
  forget(handle: string): void;
}

/** An application as a plain process tree of the DEA's own user. */
export class ProcessContainer implements Container {
  private readonly host: ContainerHost;
  private readonly spec: ContainerSpec;
  private identity: ProcessIdentity | undefined;
  private exit: ContainerExit | undefined;
  private ending: Promise<void> | undefined;
  private killing: Promise<void> | undefined;
  private killReason: ExitReason | undefined;
  private readonly listeners: ((exit: ContainerExit) => void)[] = [];
  private readonly meter = new UsageMeter();
  private disk = { bytes: 0, inodes: 0 };
  private spawned: ContainerSnapshot['output'];
  private readonly over = new AbortController();
  /** Commands of `run` that are under way, and why they were killed. */
  private runs = 0;
  private ran = false;
  private runsKilledFor: ExitReason | undefined;

  constructor(host: ContainerHost, spec: ContainerSpec) {
    this.host = host;
    this.spec = spec;
  }

  get handle(): string {
    return this.spec.handle;
  }

  appPath(relative: string): string {
    return join(this.spec.rootDir, relative);
  }

  async unpack(archivePath: string): Promise<void> {
    const options = ['--no-same-owner', '-xzf', archivePath, '-C', this.spec.rootDir];
    try {
      await run('tar', options, { maxBuffer: MEGABYTE, env: { PATH: '/usr/local/bin:/usr/bin:/bin' } });
    } catch (error) {
      const complaint = (error as { stderr?: string }).stderr?.trim().split('\n')[0];
      throw new Error(complaint ?? (error as Error).message, { cause: error });
    }
  }

  async spawn(options: SpawnOptions): Promise<ProcessIdentity> {
    if (this.identity !== undefined) throw new Error(`container ${this.handle} has its process already`);
    const { handle, fds, rootDir } = this.spec;
    const statusFile = this.host.statusFile(handle);
    await writeFile(statusFile, '', { mode: 0o600 }); // a note that the handle is in use; the wrapper overwrites it
    const workingDir = join(rootDir, options.cwd);
    const { stderrPath, stdoutPath } = options;
    this.spawned = { stdoutPath, stderrPath };
    const child = await spawnWrapper({ ...options, handle, fds, statusFile, workingDir });
    const pid = child.pid as number;
    this.identity = { pid, startTime: readStatSync(pid)?.startTime ?? 0 };
    child.once('exit', () => void this.ended());
    if (child.exitCode !== null || child.signalCode !== null) void this.ended();
    return this.identity;
  }

  /** Runs a command under the same watch as the application. */
  async run(options: RunOptions): Promise<ContainerExit> {
    const env = { ...options.env, [HANDLE_VARIABLE]: this.handle };
    this.runs += 1;
    this.ran = true;
    try {
      const exitStatus = await runProcess(this.host.clock, options, {
        cwd: join(this.spec.rootDir, options.cwd),
        env,
      });
      return { exitStatus, reason: this.runsKilledFor ?? 'exited' };
    } finally {
      this.runs -= 1;
      if (this.runs === 0) this.runsKilledFor = undefined;
    }
  }

  output(options: Parameters<Container['output']>[0] = {}): AsyncIterable<OutputChunk> {
    if (this.spawned === undefined) throw new Error(`container ${this.handle} has no application yet`);
    return follow({
      clock: this.host.clock,
      rootDir: this.spec.rootDir,
      paths: { stdout: this.spawned.stdoutPath, stderr: this.spawned.stderrPath },
      from: options.from ?? {},
      ended: this.over.signal,
      ...(options.signal ? { signal: options.signal } : {}),
    });
  }

  copyIn(hostPath: string, path: string): Promise<void> {
    return copyIn(hostPath, this.spec.rootDir, path);
  }

  copyOut(path: string, hostPath: string): Promise<void> {
    return copyOut(this.spec.rootDir, path, hostPath);
  }

  /** Takes over the process of a snapshot; false when it neither runs nor left its status. */
  async adopt({ output, process: identity }: ContainerSnapshot): Promise<boolean> {
    if (identity === undefined) return false;
    this.identity = identity;
    this.spawned = output;
    if (await isAlive(identity)) return true;
    const left = await readExitStatus(this.host.statusFile(this.handle));
    await this.ended();
    return left !== undefined;
  }

  onExit(listener: (exit: ContainerExit) => void): void {
    if (this.exit === undefined) this.listeners.push(listener);
    else listener(this.exit);
  }

  wait(): Promise<ContainerExit> {
    return new Promise((resolve) => this.onExit(resolve));
  }

  info(): ContainerInfo {
    const { bytes, inodes } = this.disk;
    return { isolation: 'process', ...this.meter.usage, diskBytes: bytes, inodes, oomKills: 0 };
  }

  async measure(): Promise<ContainerInfo> {
    await this.sample(await this.host.table.scan());
    this.disk = await diskUsage(this.spec.rootDir);
    return this.info();
  }

  snapshot(): ContainerSnapshot {
    return {
      isolation: 'process',
      spec: this.spec,
      ...(this.identity ? { process: this.identity } : {}),
      ...(this.spawned ? { output: this.spawned } : {}),
    };
  }

  async stop(graceMs: number): Promise<{ killed: boolean }> {
    if (this.identity === undefined) return { killed: false };
    const deadline = this.host.clock.monotonic() + graceMs;
    await this.signal('SIGTERM');
    while (this.host.clock.monotonic() < deadline) {
      if (this.exit !== undefined || !(await isAlive(this.identity))) break;
      await this.host.clock.sleep(POLL_MS);
    }
    const killed = await isAlive(this.identity);
    await this.kill();
    return { killed };
  }

  async destroy(): Promise<void> {
    if (this.identity !== undefined) await this.kill();
    // What a command left behind, which may have left its process group.
    else if (this.ran) await this.killMembers();
    this.host.forget(this.handle);
    await rm(this.host.statusFile(this.handle), { force: true });
  }

  /** Kills whatever bears the handle, for a container of which only the name is known. */
  async destroyUnknown(): Promise<void> {
    await this.kill();
    await rm(this.host.statusFile(this.handle), { force: true });
  }

  /** Takes a look at the container: notes its use, holds it to its memory, sees whether an adopted one ended. */
  async sample(table: readonly TableEntry[]): Promise<void> {
    const { identity } = this;
    if (this.exit !== undefined || (identity === undefined && this.runs === 0)) return;
    if (identity !== undefined && !(await isAlive(identity))) return this.ended();
    const members = this.members(table);
    const { memBytes } = await this.meter.sample(members, this.host.clock.monotonic());
    if (memBytes > this.spec.memoryMb * MEGABYTE) await this.killFor('out of memory');
  }

  /** Measures the root directory and holds the container to its disk. */
  async sampleDisk(): Promise<void> {
    if ((this.identity === undefined && this.runs === 0) || this.exit !== undefined) return;
    this.disk = await diskUsage(this.spec.rootDir);
    if (this.disk.bytes > this.spec.diskMb * MEGABYTE) await this.killFor('out of disk');
  }

  private async killFor(reason: ExitReason): Promise<void> {
    if (this.runs > 0) this.runsKilledFor ??= reason;
    if (this.identity === undefined) return this.killMembers();
    this.killReason ??= reason;
    await this.kill();
  }

  private async killMembers(): Promise<void> {
    while ((await this.signal('SIGKILL')) > 0) await this.host.clock.sleep(POLL_MS / 2);
  }

  /** Kills the application and what it left behind, then the wrapper if it is still there; waits until all are gone. */
  private kill(): Promise<void> {
    // One at a time: whoever destroys the container must find no other kill still under way when it is done.
    this.killing ??= this.killAll().finally(() => {
      this.killing = undefined;
    });
    return this.killing;
  }

  private async killAll(): Promise<void> {
    for (let round = 0; round < 100; round += 1) {
      const members = await this.signal('SIGKILL');
      const leaderAlive = this.identity !== undefined && (await isAlive(this.identity));
      if (members === 0 && !leaderAlive) break;
      if (members === 0 && round > 10) this.killLeader();
      await this.host.clock.sleep(members === 0 ? 10 : POLL_MS / 2);
    }
    await this.ended();
  }

  private killLeader(): void {
    if (this.identity === undefined) return;
    try {
      process.kill(this.identity.pid, 'SIGKILL');
    } catch {
      // ended already
    }
  }

  /** Sends a signal to every process but the wrapper, which has a status to write; says how many there were. */
  private async signal(signal: NodeJS.Signals): Promise<number> {
    const members = this.members(await this.host.table.scan());
    for (const { pid } of members) {
      try {
        process.kill(pid, signal);
      } catch {
        // ended already
      }
    }
    return members.length;
  }

  private members(table: readonly TableEntry[]): TableEntry[] {
    return membersOf(table, this.handle, this.identity).filter(({ pid }) => pid !== this.identity?.pid);
  }

  private ended(): Promise<void> {
    this.ending ??= this.settle();
    return this.ending;
  }

  private async settle(): Promise<void> {
    await this.killMembers();
    const status = await readExitStatus(this.host.statusFile(this.handle));
    const reason = this.killReason ?? (status === undefined ? 'unknown' : 'exited');
    this.exit = { exitStatus: status ?? -1, reason };
    this.over.abort();
    for (const listener of this.listeners.splice(0)) listener(this.exit);
  }
}
