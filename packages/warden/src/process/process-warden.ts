import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Timer } from '@vcap/clock';
import { ProcessTable } from '../proc/process-table.ts';
import { HOME_DIRECTORIES } from '../types.ts';
import type { Container, ContainerSnapshot, ContainerSpec, Warden } from '../types.ts';
import { ProcessContainer } from './process-container.ts';
import type { ContainerHost } from './process-container.ts';

/** Settings of the process back-end. */
export interface ProcessWardenOptions {
  clock: Clock;
  /** Directory of its own, outside every instance's, for exit statuses. */
  stateDir: string;
  /** Milliseconds between looks at memory, processor and adopted processes; 2000 by default. */
  sampleMs?: number;
  /** Milliseconds between looks at the disk; 10000 by default. */
  diskSampleMs?: number;
}

const STATUS_SUFFIX = '.status';

/** Runs applications as plain processes: no namespaces, limits by sampling. For trusted code and for development. */
export class ProcessWarden implements Warden {
  readonly isolation = 'process' as const;
  private readonly options: ProcessWardenOptions;
  private readonly containers = new Map<string, ProcessContainer>();
  private readonly host: ContainerHost;
  private readonly timers: Timer[];
  private sampling = false;
  private measuring = false;

  constructor(options: ProcessWardenOptions) {
    const { clock } = options;
    this.options = options;
    this.host = {
      clock,
      table: new ProcessTable(),
      statusFile: (handle) => join(options.stateDir, handle + STATUS_SUFFIX),
      forget: (handle) => this.containers.delete(handle),
    };
    this.timers = [
      clock.setInterval(() => void this.sample(), options.sampleMs ?? 2000),
      clock.setInterval(() => void this.sampleDisks(), options.diskSampleMs ?? 10_000),
    ];
  }

  async create(spec: ContainerSpec): Promise<Container> {
    if (!/^[\w-]+$/.test(spec.handle)) throw new Error(`not a container handle: ${spec.handle}`);
    if (this.containers.has(spec.handle)) throw new Error(`container ${spec.handle} exists already`);
    await mkdir(this.options.stateDir, { recursive: true, mode: 0o700 });
    for (const name of HOME_DIRECTORIES)
      await mkdir(join(spec.rootDir, name), { recursive: true, mode: 0o700 });
    const container = new ProcessContainer(this.host, spec);
    this.containers.set(spec.handle, container);
    return container;
  }

  async adopt(snapshot: ContainerSnapshot): Promise<Container | undefined> {
    if (snapshot.isolation !== this.isolation || snapshot.process === undefined) return undefined;
    const container = new ProcessContainer(this.host, snapshot.spec);
    this.containers.set(snapshot.spec.handle, container);
    if (await container.adopt(snapshot)) return container;
    this.containers.delete(snapshot.spec.handle);
    return undefined;
  }

  async destroyOrphans(): Promise<string[]> {
    const destroyed: string[] = [];
    for (const handle of await this.knownHandles()) {
      if (this.containers.has(handle)) continue;
      const rest = { rootDir: '/nonexistent', memoryMb: 0, diskMb: 0, fds: 0 };
      await new ProcessContainer(this.host, { handle, ...rest }).destroyUnknown();
      destroyed.push(handle);
    }
    return destroyed;
  }

  close(): void {
    for (const timer of this.timers) timer.cancel();
  }

  /** Handles are noted in the state directory before their process starts, so an orphan cannot be overlooked. */
  private async knownHandles(): Promise<string[]> {
    try {
      const names = await readdir(this.options.stateDir);
      return names
        .filter((name) => name.endsWith(STATUS_SUFFIX))
        .map((name) => name.slice(0, -STATUS_SUFFIX.length));
    } catch {
      return [];
    }
  }

  private async sample(): Promise<void> {
    if (this.sampling || this.containers.size === 0) return;
    this.sampling = true;
    try {
      const table = await this.host.table.scan();
      for (const container of this.containers.values()) await container.sample(table);
    } finally {
      this.sampling = false;
    }
  }

  private async sampleDisks(): Promise<void> {
    if (this.measuring) return;
    this.measuring = true;
    try {
      for (const container of this.containers.values()) await container.sampleDisk();
    } finally {
      this.measuring = false;
    }
  }
}
