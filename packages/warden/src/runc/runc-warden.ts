import { randomInt, randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { access, mkdir, realpath } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Clock, Timer } from '@vcap/clock';
import type { Container, ContainerSnapshot, ContainerSpec, ReadOnlyPath, Warden } from '../types.ts';
import { AddressPlan } from './addresses.ts';
import { buildContainer, firewallEntry } from './build.ts';
import { findLayout, removeCgroup } from './cgroup.ts';
import { Claims } from './claims.ts';
import { delegateCgroups } from './delegate-cgroups.ts';
import { DENIED_BY_DEFAULT, checkNetworks } from './egress.ts';
import { Firewall } from './firewall.ts';
import { Helpers } from './helpers.ts';
import type { RuncHost } from './host.ts';
import type { Known } from './leftovers.ts';
import { Owner } from './owner.ts';
import { allRecords, readRecord } from './records.ts';
import { RootFilesystems, hostNameServers } from './rootfs.ts';
import { RuncContainer } from './runc-container.ts';
import { inspect, sweep } from './sweep.ts';
import { findInit, findRuntime } from './tools.ts';

/** Settings of the runc back-end. */
export interface RuncWardenOptions {
  clock: Clock;
  /** Directory of its own, on a disk: images of containers are here. Two wardens of a host must not share it. */
  stateDir: string;
  /** Milliseconds between looks at figures; 2000 by default. */
  sampleMs?: number;
  /** Host directories that every container sees, as those of language runtimes outside of /usr. */
  readOnlyPaths?: ReadOnlyPath[];
  /** Addresses of containers, four each; 10.254.0.0/16 by default. The same for all wardens of a host. */
  network?: string;
  /** Networks that containers do not reach, in place of the private and local ones. */
  denied?: string[];
  /** Networks denied on top of those: where the bus, the controller's database and the like are. */
  alsoDenied?: string[];
  /** Name servers of containers; the host's by default. */
  nameServers?: string[];
  /** First host user id that is given away, two for each container; 1900000000 by default. */
  firstUid?: number;
}

/** Runs applications by an OCI runtime: everything that the interface promises is held by the kernel. */
export class RuncWarden implements Warden {
  readonly isolation = 'runc' as const;
  private readonly host: RuncHost;
  private readonly marker: string;
  private readonly containers = new Map<string, RuncContainer>();
  /** Containers being made. */
  private readonly making = new Map<string, Promise<unknown>>();
  private readonly timer: Timer;
  private sampling = false;
  private tidying: Promise<void> = Promise.resolve();

  private constructor(host: RuncHost, marker: string, sampleMs: number) {
    this.host = host;
    this.marker = marker;
    this.timer = host.clock.setInterval(() => void this.sample(), sampleMs);
  }

  /** Rejects when something that it needs is missing. Running containers of before go on, and their rules hold. */
  static async open(options: RuncWardenOptions): Promise<RuncWarden> {
    await mkdir(options.stateDir, { recursive: true, mode: 0o700 });
    const owner = new Owner(await realpath(options.stateDir));
    const cgroups = await findLayout();
    if (cgroups === undefined)
      throw new Error('the cgroup controllers memory, cpu and pids are not all mounted');
    await delegateCgroups(cgroups);
    const marker = `${owner.id}:${randomUUID()}`;
    const helpers = new Helpers(marker, 2 + 2 * availableParallelism());
    const addresses = new AddressPlan(options.network ?? '10.254.0.0/16', options.firstUid ?? 1_900_000_000);
    const dns = options.nameServers ?? (await hostNameServers());
    const denied = [...(options.denied ?? DENIED_BY_DEFAULT), ...(options.alsoDenied ?? [])];
    checkNetworks([...denied, ...dns]);
    const pool = addresses.network;
    const plan = { table: owner.table, netPrefix: owner.netPrefix, pool, denied, dns };
    const host: RuncHost = {
      clock: options.clock,
      owner,
      helpers,
      claims: new Claims(owner, addresses.slots, randomInt(addresses.slots)),
      addresses,
      firewall: new Firewall(plan, helpers),
      cgroups,
      roots: new RootFilesystems(owner.runDir, dns, helpers),
      readOnlyPaths: options.readOnlyPaths ?? [],
      runtime: await findRuntime(),
      initProgram: await findInit(),
      swapLimit: await countsSwap(cgroups),
    };
    const running = (await allRecords(owner)).filter(({ retired, slot }) => !retired && slot >= 0);
    host.firewall.expect(running.map((record) => firewallEntry(host, record)));
    return new RuncWarden(host, marker, options.sampleMs ?? 2000);
  }

  async create(spec: ContainerSpec): Promise<Container> {
    const { handle } = spec;
    if (this.containers.has(handle) || this.making.has(handle))
      throw new Error(`container ${handle} exists already`);
    const made = this.make(spec);
    this.making.set(handle, made);
    try {
      return await made;
    } finally {
      this.making.delete(handle);
      await this.tidy();
    }
  }

  async adopt(snapshot: ContainerSnapshot): Promise<Container | undefined> {
    if (snapshot.isolation !== this.isolation) return undefined;
    const { handle } = snapshot.spec;
    const record = await readRecord(this.host.owner.files(handle));
    if (record === undefined || record.slot < 0 || record.process === undefined) return undefined;
    if (!(await this.host.claims.keepSlot(record.slot, handle))) return undefined;
    const container = this.wrap(record);
    this.containers.set(handle, container);
    await container.adopt();
    return container;
  }

  /** Creations wait until it is over, and it waits for those under way. */
  async destroyOrphans(): Promise<string[]> {
    let handles: string[] = [];
    const sweeping = this.tidying.then(async () => {
      await Promise.allSettled(this.making.values());
      handles = await sweep(this.host, this.known());
      const { firewall, owner } = this.host;
      const running = [...this.containers.values()].filter(({ retired }) => !retired);
      firewall.retain(new Set(running.map(({ slot }) => owner.netName(slot))));
      if (running.length > 0) await firewall.renew();
    });
    this.tidying = sweeping.catch(() => undefined);
    await sweeping;
    await this.tidy();
    return handles;
  }

  /** What of ours is on the machine and belongs to no container of this warden, in words. */
  leftovers(): Promise<string[]> {
    return inspect(this.host, this.known());
  }

  /** Root directories are kept for the next container until here. */
  close(): void {
    this.timer.cancel();
    if (this.containers.size === 0 && this.making.size === 0)
      rmSync(this.host.owner.runDir, { recursive: true, force: true });
  }

  private async make(spec: ContainerSpec): Promise<RuncContainer> {
    await this.tidying;
    const container = this.wrap(await buildContainer(this.host, spec));
    this.containers.set(spec.handle, container);
    await container.watchNew();
    return container;
  }

  private wrap(record: ConstructorParameters<typeof RuncContainer>[1]): RuncContainer {
    return new RuncContainer(this.host, record, async (handle) => {
      this.containers.delete(handle);
      await this.tidy();
    });
  }

  private known(): Known {
    const all = [...this.containers.values()];
    const retired = all.filter((container) => container.retired);
    return {
      handles: new Set([...all.map(({ handle }) => handle), ...this.making.keys()]),
      retired: new Set(retired.map(({ handle }) => handle)),
      slots: new Set(all.filter((container) => !container.retired).map(({ slot }) => slot)),
      marker: this.marker,
    };
  }

  /** With the last container goes what all of them shared. */
  private async tidy(): Promise<void> {
    const idle = (): boolean => this.containers.size === 0 && this.making.size === 0;
    if (!idle()) return;
    const tidied = this.tidying.then(async () => {
      if (!idle()) return;
      await removeCgroup(this.host.cgroups, this.host.owner.cgroupParent);
      await this.host.firewall.renew();
    });
    this.tidying = tidied.catch(() => undefined);
    await tidied;
  }

  private async sample(): Promise<void> {
    if (this.sampling) return;
    this.sampling = true;
    try {
      for (const container of this.containers.values()) {
        await container.sample();
        await new Promise((resolve) => setImmediate(resolve)); // others have their turn in between
      }
    } finally {
      this.sampling = false;
    }
  }
}

/** Kernels may be told not to count swap; a limit of it is an error then. */
async function countsSwap({ memory, version }: { memory: string; version: 1 | 2 }): Promise<boolean> {
  if (version === 2) return true;
  return access(join(memory, 'memory.memsw.limit_in_bytes')).then(
    () => true,
    () => false,
  );
}
