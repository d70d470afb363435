import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findBinary, startProcess, tempDir } from '@vcap/testkit';
import type { RunningProcess, TempDir } from '@vcap/testkit';
import { deploy, vmcProgram } from './checkout.ts';
import { Hosts } from './hosts.ts';
import { must, run, tail } from './run.ts';
import type { Ended } from './run.ts';

const domain = 'vcap.example.com';
const port = 8080;

/** deploy/examples/three-hosts, done as its text says; each host's files lie below a directory instead of `/`. */
export class ThreeHosts {
  readonly hosts: Hosts;
  readonly #dir: TempDir;
  readonly #running: RunningProcess[] = [];

  private constructor(hosts: Hosts, dir: TempDir) {
    this.hosts = hosts;
    this.#dir = dir;
  }

  static async create(): Promise<ThreeHosts> {
    const example = new ThreeHosts(await Hosts.create('a', 'b', 'c'), await tempDir('vcap-hosts-'));
    await must(join(deploy, 'examples/three-hosts/prepare'), [example.#prepared()]);
    for (const host of ['a', 'b', 'c']) example.#moveBelow(host);
    const names = ['api', 'hello'].map((name) => `10.77.0.10 ${name}.${domain}\n`);
    writeFileSync(join(example.#dir.path, 'hosts'), `127.0.0.1 localhost\n${names.join('')}`);
    return example;
  }

  /** Packs the releases from what is built. */
  async release(...roles: string[]): Promise<void> {
    const args = ['--no-build', '--out', join(this.#dir.path, 'out'), ...roles];
    await must(join(deploy, 'release'), args, { timeoutMs: 240_000 });
  }

  /** The servers of host A. */
  async startServers(): Promise<void> {
    const of = (name: string): string => join(this.#prepared('a'), name);
    mkdirSync(this.#root('a', 'var/lib/redis'), { recursive: true });
    copyFileSync(of('admin-password'), this.#root('a', 'etc/vcap/admin-password'));
    await this.#start(
      'a',
      [findBinary('nats-server', 'nats-server'), '-c', of('nats.conf')],
      /Server is ready/,
    );
    await this.#start(
      'a',
      [findBinary('redis-server', 'redis-server'), of('redis.conf')],
      /Ready to accept connections/,
    );
  }

  /** Installs a role on a host, then starts it as the installer says. */
  async install(host: string, role: string): Promise<void> {
    const from = join(this.#dir.path, 'out', `vcap-${role}.tar.gz`);
    const files = ['--config', this.#prepared(host, `${role}.yml`), '--root', this.#root(host)];
    const { stdout } = await must(join(deploy, 'install'), ['--role', role, '--from', from, ...files]);
    const line = /start it with: (.+)$/m.exec(stdout)?.[1];
    if (line === undefined) throw new Error(`install did not say how to start:\n${stdout}`);
    await this.#start(host, line.split(' '), /"event":"ready"|ready/i);
  }

  /** What the join doctor of a role says. */
  async doctor(host: string, role: string): Promise<Ended> {
    const passwords = readFileSync(this.#prepared('passwords.sed'), 'utf8');
    const password = /PASSWORD_OF_BUS_TOOLS\/(\w+)\//.exec(passwords)?.[1] ?? '';
    const tools = ['--tools', `nats://tools:${password}@10.77.0.10:4222`];
    const [program, ...args] = this.hosts.on(host, join(deploy, 'doctor'), role, ...tools);
    return run(program, args, { env: { ...this.#environment(), VCAP_ROOT: this.#root(host) } });
  }

  /** A vmc command on host A, which must succeed. */
  async vmc(...args: string[]): Promise<string> {
    const names = join(this.#dir.path, 'hosts');
    const script = 'mount --bind "$0" /etc/hosts && exec "$@"';
    const argv = ['unshare', '-m', 'sh', '-c', script, names, vmcProgram, ...args];
    const [program, ...rest] = this.hosts.on('a', ...argv);
    const env = { ...this.#environment(), HOME: this.#dir.path };
    return (await must(program, rest, { timeoutMs: 150_000, env })).stdout;
  }

  get target(): string {
    return `http://api.${domain}:${port}`;
  }

  get password(): string {
    return readFileSync(this.#prepared('a', 'admin-password'), 'utf8').trim();
  }

  /** Status of so many requests to an application, one after the other, made on host A. */
  async statuses(app: string, requests: number): Promise<number[]> {
    const script = `
      const { request } = require('node:http');
      const one = () => new Promise((resolve) => {
        const options = { host: '10.77.0.10', port: ${port}, agent: false, timeout: 20000,
          headers: { host: '${app}.${domain}' } };
        request(options, (response) => response.resume().on('end', () => resolve(response.statusCode)))
          .on('timeout', function () { this.destroy(); }).on('error', () => resolve(0)).end();
      });
      (async () => {
        const all = [];
        for (let n = 0; n < ${requests}; n++) all.push(await one());
        console.log(JSON.stringify(all));
      })();`;
    const [program, ...args] = this.hosts.on('a', process.execPath, '-e', script);
    return JSON.parse((await must(program, args, { timeoutMs: 120_000 })).stdout) as number[];
  }

  /** The last lines of every component that has ended. */
  ended(): string {
    return this.#running
      .filter(({ running }) => !running)
      .map((one) => tail(one.output(), 10))
      .join('\n');
  }

  async remove(): Promise<void> {
    for (const one of this.#running.toReversed()) await one.stop(20_000);
    await this.hosts.remove();
    await this.#dir.remove();
  }

  async #start(host: string, argv: string[], readyWhen: RegExp): Promise<void> {
    const env = { ...this.#environment(), VCAP_CONFIG_isolation: 'process' };
    const isolated = /dea|stager/.test(argv.join(' '));
    this.#running.push(
      await startProcess({
        argv: this.hosts.on(host, ...argv),
        env: isolated ? env : this.#environment(),
        readyWhen,
        readyTimeoutMs: 90_000,
      }),
    );
  }

  /** The machine's, but for proxies, which these hosts do not reach. */
  #environment(): NodeJS.ProcessEnv {
    const all = Object.entries(process.env).filter(([name]) => !/_proxy$/i.test(name));
    return { ...Object.fromEntries(all), NODE_OPTIONS: '' };
  }

  #prepared(...path: string[]): string {
    return join(this.#dir.path, 'prepared', ...path);
  }

  #root(host: string, ...path: string[]): string {
    return join(this.#dir.path, `host-${host}`, ...path);
  }

  #moveBelow(host: string): void {
    const dir = this.#prepared(host);
    for (const name of readdirSync(dir)) {
      const file = join(dir, name);
      const text = readFileSync(file, 'utf8');
      writeFileSync(file, text.replaceAll(/(?<=[\s])\/(var|etc)\//g, `${this.#root(host)}/$1/`));
    }
    mkdirSync(this.#root(host, 'etc/vcap'), { recursive: true });
  }
}
