import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { join } from 'node:path';
import type { Logger } from '@vcap/bus';
import type { Clock } from '@vcap/clock';
import { markModuleBoundary, processStartTime } from '@vcap/component';
import { RuncWarden, openWarden } from '@vcap/warden';
import type { Isolation, OpenWardenOptions, Warden } from '@vcap/warden';
import type { StagerConfig } from '../config.ts';
import { sweepWorkspaces } from '../task/workspace.ts';
import { findToolchain, wholeHost } from './toolchain.ts';
import type { Toolchain } from './toolchain.ts';

/** Memory of plain processes is looked at twice a second. */
const SAMPLE_MS = 500;
/** Of a stager's process; `-try` is what a warden made to see whether it could. */
const STATE_DIR = /^warden-(\d+)-(\d+)-\w+(-try)?$/;

/** How tasks are kept apart here. */
export interface StagingWarden {
  readonly warden: Warden;
  readonly tools: Toolchain;
}

/** Opens the containers of tasks before the first one, and removes what dead stagers left. */
export class WardenMember {
  readonly name = 'warden';
  readonly #o: {
    readonly clock: Clock;
    readonly log: Logger;
    readonly config: StagerConfig;
    /** This host's own address. */
    readonly ip: string;
  };
  #opened: StagingWarden | undefined;
  /** For this very stager: those of one host may share `base_dir`, wardens may not share this. */
  #stateDir: string | undefined;
  /** Why tasks are not kept apart. */
  reason: string | undefined;

  constructor(options: { clock: Clock; log: Logger; config: StagerConfig; ip: string }) {
    this.#o = options;
  }

  /** @throws before the start */
  get opened(): StagingWarden {
    if (this.#opened === undefined) throw new Error('the stager has not been started');
    return this.#opened;
  }

  get isolation(): Isolation | undefined {
    return this.#opened?.warden.isolation;
  }

  async start(): Promise<void> {
    const { config, log } = this.#o;
    await markModuleBoundary(config.base_dir);
    const own = `warden-${process.pid}-${processStartTime('self') ?? '0'}-`;
    this.#stateDir = await mkdtemp(join(config.base_dir, own));
    const { reason, warden } = await openWarden({
      ...this.#settings(this.#stateDir),
      backend: config.isolation,
    });
    this.reason = reason;
    if (warden.isolation === 'process')
      log.warn({
        event: 'isolation-is-process',
        reason,
        meaning:
          'build scripts run as plain processes of this user and are not kept apart: for trusted code only',
      });
    else log.info({ event: 'isolation', isolation: warden.isolation });
    const path = process.env['PATH'] ?? '';
    const tools = warden.isolation === 'runc' ? await findToolchain(path) : wholeHost(path);
    this.#opened = { warden, tools };
    await this.#sweep();
  }

  async stop(): Promise<void> {
    this.#opened?.warden.close();
    if (this.#stateDir !== undefined) await rm(this.#stateDir, { recursive: true, force: true });
  }

  #settings(stateDir: string): OpenWardenOptions {
    const { clock, config, ip } = this.#o;
    const { also_denied, first_uid, name_servers, network } = config.container;
    return {
      clock,
      stateDir,
      sampleMs: SAMPLE_MS,
      alsoDenied: [...new Set([...also_denied, ...ownAddresses(config, ip)])],
      ...(network === undefined ? {} : { network }),
      ...(name_servers === undefined ? {} : { nameServers: name_servers }),
      ...(first_uid === undefined ? {} : { firstUid: first_uid }),
    };
  }

  /** What cannot be removed must not keep this stager from working: it is said, and tried at the next start. */
  async #sweep(): Promise<void> {
    const { config, log } = this.#o;
    try {
      const destroyed = await this.#destroyOrphans();
      if (destroyed.length > 0) log.info({ event: 'stale-containers-destroyed', handles: destroyed });
      const removed = await sweepWorkspaces(config.base_dir);
      if (removed.length > 0) log.info({ event: 'stale-workspaces-removed', count: removed.length });
    } catch (error) {
      log.warn({ event: 'sweep-failed', reason: (error as Error).message });
    }
  }

  async #destroyOrphans(): Promise<string[]> {
    const { base_dir: baseDir } = this.#o.config;
    const destroyed: string[] = [];
    for (const name of await readdir(baseDir)) {
      const [, pid, startTime, attempt] = STATE_DIR.exec(name) ?? [];
      if (pid === undefined || processStartTime(Number(pid)) === startTime) continue;
      const dir = join(baseDir, name);
      const stateDir = attempt === undefined ? dir : join(dir, 'state');
      if ((await readdir(stateDir).catch(() => [])).length > 0) {
        const warden = await RuncWarden.open(this.#settings(stateDir));
        destroyed.push(...(await warden.destroyOrphans().finally(() => warden.close())));
      }
      await rm(dir, { recursive: true, force: true });
    }
    return destroyed;
  }
}

/** The bus, the log store and this host: nothing of a build's. */
const ownAddresses = ({ mbus, redis }: StagerConfig, ip: string): string[] => {
  const urls = [...mbus, ...(redis.uri === undefined ? [] : [redis.uri])];
  const hosts = [ip, ...urls.map((url) => URL.parse(url)?.hostname ?? '')];
  return hosts.filter((host) => isIPv4(host) && !host.startsWith('127.'));
};
