import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { randomInt } from 'node:crypto';

const run = promisify(execFile);
const ip = (...argv: string[]): Promise<unknown> => run('ip', argv);

/** A network namespace that stands for another host, one wire away. */
export class OtherHost {
  /** Its address, and this host's as it sees it. */
  readonly address: string;
  readonly gateway: string;
  private readonly name: string;
  private readonly children: ChildProcess[] = [];

  private constructor(name: string, subnet: string) {
    this.name = name;
    this.gateway = `${subnet}.1`;
    this.address = `${subnet}.2`;
  }

  /** `subnet`: the first three numbers, of a network that is not this host's. */
  static async start(subnet: string): Promise<OtherHost> {
    const host = new OtherHost(`oh${randomInt(1e6)}`, subnet);
    const { address, gateway, name } = host;
    await ip('netns', 'add', name);
    await ip('link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
    await ip('addr', 'add', `${gateway}/24`, 'dev', name);
    await ip('link', 'set', name, 'up');
    await ip('-n', name, 'addr', 'add', `${address}/24`, 'dev', 'eth0');
    await ip('-n', name, 'link', 'set', 'eth0', 'up');
    await ip('-n', name, 'link', 'set', 'lo', 'up');
    await ip('-n', name, 'route', 'add', 'default', 'via', gateway);
    return host;
  }

  /** Unlike `ip netns exec`, nsenter makes no copy of the mounts, which would hold on to the disks of containers. */
  private get netns(): string {
    return `--net=/run/netns/${this.name}`;
  }

  /** Another address of this network. */
  async addAddress(address: string): Promise<void> {
    await ip('-n', this.name, 'addr', 'add', `${address}/32`, 'dev', 'lo');
    await ip('route', 'replace', `${address}/32`, 'via', this.address);
  }

  /** Runs a program on it; gives what it says. */
  async ask(argv: string[]): Promise<string> {
    const { stdout } = await run('nsenter', [this.netns, '--', ...argv]);
    return stdout;
  }

  /** Starts a program on it and waits for its first word. */
  async serve(argv: string[]): Promise<void> {
    const child = spawn('nsenter', [this.netns, '--', ...argv], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.children.push(child);
    await once(child.stdout, 'data');
  }

  async stop(): Promise<void> {
    for (const child of this.children) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await ip('link', 'del', this.name);
    await ip('netns', 'del', this.name);
  }
}
