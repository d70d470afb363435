import { readdirSync, readFileSync } from 'node:fs';
import { waitFor } from '@vcap/testkit';
import { must, run } from './run.ts';

/** Addresses are 10.77.0.10 and on, in the order of the names. */
const address = (index: number): string => `10.77.0.${10 + index}`;

/** Hosts of one machine: a network namespace each, and one with the switch between them. */
export class Hosts {
  readonly #prefix: string;
  readonly #names: readonly string[];

  private constructor(prefix: string, names: readonly string[]) {
    this.#prefix = prefix;
    this.#names = names;
  }

  /** Why there can be none here, or undefined. */
  static async whyNot(): Promise<string | undefined> {
    if (process.getuid?.() !== 0) return 'only root makes network namespaces';
    const probe = `vt${process.pid}-probe`;
    const made = await run('ip', ['netns', 'add', probe]);
    if (made.status !== 0) return `no network namespace can be made: ${made.output.trim()}`;
    const link = await run('ip', ['-n', probe, 'link', 'add', 'br0', 'type', 'bridge']);
    const entered = await run('nsenter', [`--net=/run/netns/${probe}`, 'unshare', '-m', 'true']);
    await run('ip', ['netns', 'del', probe]);
    if (link.status !== 0) return `no bridge can be made: ${link.output.trim()}`;
    return entered.status === 0 ? undefined : `no namespace can be entered: ${entered.output.trim()}`;
  }

  static async create(...names: string[]): Promise<Hosts> {
    const hosts = new Hosts(`vt${process.pid}`, names);
    try {
      await hosts.#make();
    } catch (error) {
      await hosts.remove();
      throw error;
    }
    return hosts;
  }

  async #make(): Promise<void> {
    const sw = this.#netns('sw');
    for (const name of ['sw', ...this.#names]) {
      await ip('netns', 'add', this.#netns(name));
      await ip('-n', this.#netns(name), 'link', 'set', 'lo', 'up');
    }
    await ip('-n', sw, 'link', 'add', 'br0', 'type', 'bridge');
    await ip('-n', sw, 'link', 'set', 'br0', 'up');
    for (const [index, name] of this.#names.entries()) {
      const host = this.#netns(name);
      const ends = ['link', 'add', 'eth0', 'netns', host, 'type', 'veth', 'peer'];
      await ip(...ends, 'name', `port-${name}`, 'netns', sw);
      await ip('-n', sw, 'link', 'set', 'dev', `port-${name}`, 'master', 'br0', 'up');
      await ip('-n', host, 'addr', 'add', `${address(index)}/24`, 'dev', 'eth0');
      await ip('-n', host, 'link', 'set', 'dev', 'eth0', 'up');
    }
  }

  /** A command line that runs another one on a host. */
  on(name: string, ...argv: string[]): [string, ...string[]] {
    return ['nsenter', `--net=/run/netns/${this.#netns(name)}`, ...argv];
  }

  /** Pulls a host's cable. */
  async cutOff(name: string): Promise<void> {
    await ip('-n', this.#netns('sw'), 'link', 'set', 'dev', `port-${name}`, 'down');
  }

  async reconnect(name: string): Promise<void> {
    await ip('-n', this.#netns('sw'), 'link', 'set', 'dev', `port-${name}`, 'up');
  }

  /** Command lines of what runs on a host. */
  async processes(name: string): Promise<string[]> {
    return (await this.#pids(name)).flatMap((pid) => {
      try {
        return [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()];
      } catch {
        return [];
      }
    });
  }

  /** Ends all that runs on the hosts, and takes them away. */
  async remove(): Promise<void> {
    for (const name of [...this.#names, 'sw']) {
      if (!readdirSync('/run/netns').includes(this.#netns(name))) continue;
      await waitFor(
        async () => {
          const pids = await this.#pids(name);
          for (const pid of pids) {
            try {
              process.kill(pid, 'SIGKILL');
            } catch {
              // It ended meanwhile.
            }
          }
          return pids.length === 0;
        },
        { timeoutMs: 30_000 },
      );
      await ip('netns', 'del', this.#netns(name));
    }
  }

  async #pids(name: string): Promise<number[]> {
    return (await ip('netns', 'pids', this.#netns(name))).split('\n').filter(Boolean).map(Number);
  }

  #netns(name: string): string {
    return `${this.#prefix}-${name}`;
  }
}

async function ip(...args: string[]): Promise<string> {
  return (await must('ip', args)).stdout;
}
