import { realpathSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { systemClock } from '@vcap/clock';
import { tempDir } from '@vcap/testkit';
import type { TempDir } from '@vcap/testkit';
import { ProcessWarden, RuncWarden, detectBackend } from '../../src/index.ts';
import type { Container, ContainerSpec, Isolation, Warden } from '../../src/index.ts';

/** The program that runs the tests, which containers see too. */
export const NODE = realpathSync(process.execPath);
const readOnlyPaths = [{ source: dirname(dirname(NODE)) }].filter(({ source }) => source !== '/usr');

export const openRunc = (stateDir: string): Promise<RuncWarden> =>
  RuncWarden.open({ clock: systemClock, stateDir, sampleMs: 50, readOnlyPaths });

const openProcess = async (stateDir: string): Promise<Warden> =>
  new ProcessWarden({ clock: systemClock, stateDir, sampleMs: 50, diskSampleMs: 100 });

/** How to open a back-end on a state directory. */
export const open: Record<Isolation, (stateDir: string) => Promise<Warden>> = {
  process: openProcess,
  runc: openRunc,
};

const probeDir = await tempDir('warden-probe');
const found = await detectBackend({ clock: systemClock, stateDir: join(probeDir.path, 'state') });
await probeDir.remove();

/** Why tests of the runc back-end cannot run here; undefined when they can. */
export const runcMissing = found.isolation === 'runc' ? undefined : found.reason;
if (runcMissing !== undefined) process.stderr.write(`skipped: tests of the runc back-end: ${runcMissing}\n`);

/** A warden in a directory of its own, with the containers that a test made of it. */
export class Bench<W extends Warden = Warden> {
  readonly dir: TempDir;
  warden: W;
  private readonly opener: (stateDir: string) => Promise<W>;
  private readonly wardens: W[] = [];
  private readonly containers: Container[] = [];
  private count = 0;

  private constructor(dir: TempDir, warden: W, opener: (stateDir: string) => Promise<W>) {
    this.dir = dir;
    this.warden = warden;
    this.opener = opener;
  }

  static async start<W extends Warden>(opener: (stateDir: string) => Promise<W>): Promise<Bench<W>> {
    const dir = await tempDir('warden');
    return new Bench(dir, await opener(join(dir.path, 'state')), opener);
  }

  /** Another warden on the same directory, as after a restart. */
  async reopen(): Promise<W> {
    this.wardens.push(this.warden);
    this.warden = await this.opener(join(this.dir.path, 'state'));
    return this.warden;
  }

  /** An empty root directory. */
  async rootDir(): Promise<string> {
    const path = join(this.dir.path, `root-${(this.count += 1)}`);
    await mkdir(path);
    return path;
  }

  async create(limits: Partial<ContainerSpec> = {}): Promise<Container> {
    const rootDir = await this.rootDir();
    const handle = basename(rootDir).replace('root', 'h');
    const spec = { handle, rootDir, memoryMb: 256, diskMb: 64, fds: 256, ...limits };
    return this.keep(await this.warden.create(spec));
  }

  /** To be destroyed at the end. */
  keep(container: Container): Container {
    this.containers.push(container);
    return container;
  }

  async run(script: string, limits: Partial<ContainerSpec> = {}): Promise<Container> {
    const container = await this.create(limits);
    await spawnIn(container, script);
    return container;
  }

  /** Destroys the containers of a test. */
  async clear(): Promise<void> {
    await Promise.all(this.containers.splice(0).map((container) => container.destroy()));
  }

  async stop(): Promise<void> {
    await this.clear();
    await (await this.reopen()).destroyOrphans(); // also of what a failed test made and forgot
    for (const warden of [...this.wardens, this.warden]) warden.close();
    await this.dir.remove();
  }
}

/** Starts a shell as the application. */
export async function spawnIn(container: Container, script: string): Promise<number> {
  const { rootDir } = container.snapshot().spec;
  const { pid } = await container.spawn({
    argv: ['bash', '-c', script],
    cwd: 'app',
    env: { PATH: '/usr/bin:/bin', NODE, GREETING: `it's "quoted" $HOME` },
    stdoutPath: join(rootDir, 'logs/out'),
    stderrPath: join(rootDir, 'logs/err'),
  });
  return pid;
}

/** What a command in the container says, with its status. */
export async function ask(container: Container, script: string): Promise<{ status: number; text: string }> {
  let text = '';
  const { exitStatus } = await container.run({
    argv: ['bash', '-c', script],
    cwd: 'app',
    env: { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', NODE },
    onOutput: (chunk) => {
      text += chunk.toString('utf8');
    },
  });
  return { status: exitStatus, text };
}
