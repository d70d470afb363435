import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, startProcess, tempDir, waitFor } from '@vcap/testkit';
import type { RunningProcess } from '@vcap/testkit';
import type { Isolation } from '@vcap/warden';
import { identify, isAlive, processesOf, signal } from './processes.ts';
import type { ProcessIdentity } from './processes.ts';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
/** The command users type. */
export const vmcProgram = join(root, 'packages/vmc/bin/vmc');

/** What a command printed and its exit status. */
export interface Outcome {
  status: number;
  output: string;
}
export interface Answer {
  status: number;
  body: string;
  headers: Record<string, string | string[] | undefined>;
}

export interface CallOptions {
  body?: string | Buffer;
  headers?: Record<string, string>;
  /** The first router's by default. */
  port?: number;
  /** The administrator's by default, once logged in; an empty one is sent too. */
  token?: string;
}

/** A whole cluster as `npm start` makes it, in a directory and on a port of its own. */
export class Platform {
  readonly domain = 'e2e.localhost';
  readonly home: string;
  readonly port: number;
  #cluster: RunningProcess | undefined;
  #token: string | undefined;
  readonly #remove: () => Promise<void>;
  readonly #isolation: Isolation;

  private constructor(home: string, port: number, isolation: Isolation, remove: () => Promise<void>) {
    this.home = home;
    this.port = port;
    this.#isolation = isolation;
    this.#remove = remove;
  }

  /**
   * `isolation`: plain processes by default, as most tests look for applications by their working directory on the host.
   * Where it is `runc`, take what a killed cluster may leave away before `remove` (support/containers.ts).
   */
  static async create({ isolation = 'process' }: { isolation?: Isolation } = {}): Promise<Platform> {
    const dir = await tempDir('vcap-e2e-');
    // As a cluster in a checkout has it: the applications' files lie below a package.json that is not theirs.
    writeFileSync(join(dir.path, 'package.json'), '{ "type": "module" }');
    return new Platform(join(dir.path, 'home'), await freePort(), isolation, async () => dir.remove());
  }

  get api(): string {
    return `http://api.${this.domain}:${this.port}`;
  }

  async start(...args: string[]): Promise<void> {
    this.#cluster = await startProcess({
      argv: [process.execPath, join(root, 'packages/local/dist/main.js'), ...args],
      env: { ...process.env, ...this.#env(), NODE_OPTIONS: '' },
      readyWhen: /Ready in/,
      readyTimeoutMs: 90_000,
    });
  }

  /** As Ctrl-C does; answers what the cluster printed. */
  async stop(): Promise<string> {
    const cluster = this.#cluster;
    this.#cluster = undefined;
    if (!cluster) return '';
    cluster.signal('SIGINT');
    await cluster.stop(60_000);
    return cluster.output();
  }

  /** Kills the process of the cluster alone, as no Ctrl-C does; its components go on. */
  async killOwner(): Promise<void> {
    const cluster = this.#cluster;
    if (!cluster) throw new Error('the cluster does not run');
    const owner = identify('local', cluster.pid);
    if (!owner || !signal(owner, 'SIGKILL')) throw new Error('the cluster was gone already');
    await cluster.exited;
    this.#cluster = undefined;
  }

  /** Stops the cluster, ends what a killed one left behind, and takes the directory away. */
  async remove(): Promise<void> {
    try {
      await this.stop();
    } finally {
      await this.#endLeftovers();
      await this.#remove();
    }
  }

  /** Those of run.json, frozen ones among them, and then whoever still works in the directory. */
  async #endLeftovers(): Promise<void> {
    let children: ProcessIdentity[] = [];
    try {
      const text = readFileSync(join(this.home, 'run.json'), 'utf8');
      children = (JSON.parse(text) as { children: ProcessIdentity[] }).children;
    } catch {
      // An ordinary stop left no such file.
    }
    for (const child of children) signal(child, 'SIGKILL');
    await waitFor(() => !children.some(isAlive), { timeoutMs: 10_000 });
    await waitFor(
      () => {
        const left = processesOf(this.home);
        for (const each of left) signal(each, 'SIGKILL');
        return left.length === 0;
      },
      { timeoutMs: 10_000 },
    );
  }

  /** What vmc sees: its files are kept in the cluster's directory. */
  vmcEnvironment(): NodeJS.ProcessEnv {
    return { ...process.env, ...this.#env(), HOME: this.home, NODE_OPTIONS: '' };
  }

  /** Runs a vmc command without questions. */
  vmc(...args: string[]): Promise<Outcome> {
    return new Promise((resolve) => {
      execFile(
        vmcProgram,
        args,
        { env: this.vmcEnvironment(), maxBuffer: 1 << 24 },
        (error, stdout, stderr) => {
          const status = error ? (typeof error.code === 'number' ? error.code : 1) : 0;
          resolve({ status, output: stdout + stderr });
        },
      );
    });
  }

  /** Calls the API through the router, or another address with `port`. */
  async call(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    const { body, headers = {}, port = this.port, token = this.#token } = options;
    const call = request({
      host: '127.0.0.1',
      port,
      method,
      path,
      headers: {
        host: `api.${this.domain}`,
        ...(token === undefined ? {} : { authorization: token }),
        ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }),
        ...headers,
      },
    });
    call.end(body);
    const [response] = (await once(call, 'response')) as [IncomingMessage];
    let text = '';
    for await (const chunk of response.setEncoding('utf8')) text += chunk as string;
    return { status: response.statusCode ?? 0, body: text, headers: response.headers };
  }

  /** Runs a vmc command that must succeed. */
  async ok(...args: string[]): Promise<string> {
    const { status, output } = await this.vmc(...args);
    if (status !== 0)
      throw new Error(`vmc ${args.join(' ')} ended with ${status}:\n${output}\n${this.logs()}`);
    return output;
  }

  async login(): Promise<void> {
    await this.ok('target', this.api);
    const password = this.password();
    await this.ok('login', 'admin@vcap.local', '--passwd', password, '-n');
    const { body } = await this.call('POST', '/users/admin@vcap.local/tokens', {
      body: JSON.stringify({ password }),
      headers: { 'content-type': 'application/json' },
    });
    this.#token = (JSON.parse(body) as { token: string }).token;
  }

  /** The administrator's. */
  password(): string {
    return readFileSync(join(this.home, 'admin-password'), 'utf8').trim();
  }

  /** GET through the router. */
  get(app: string, path = '/', headers: Record<string, string> = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const call = request(
        { host: '127.0.0.1', port: this.port, path, headers: { host: `${app}.${this.domain}`, ...headers } },
        (response) => {
          let body = '';
          response.on('data', (chunk: Buffer) => (body += chunk.toString()));
          response.on('end', () =>
            resolve({ status: response.statusCode ?? 0, body, headers: response.headers }),
          );
          response.on('error', reject);
        },
      );
      call.on('error', reject);
      call.end();
    });
  }

  /** Waits until the application answers 200. */
  async up(app: string, timeoutMs = 30_000): Promise<Answer> {
    return waitFor(
      async () => {
        const answer = await this.get(app);
        return answer.status === 200 && answer;
      },
      { timeoutMs },
    );
  }

  /** Pids of the processes whose environment or arguments name this cluster's directory. */
  processes(): Promise<string[]> {
    return new Promise((resolve) => {
      execFile('pgrep', ['-f', this.home], (_error, stdout) => resolve(stdout.split('\n').filter(Boolean)));
    });
  }

  /** The last lines of every component's log, for a failure's message. */
  logs(): string {
    const names = ['cloud-controller-0', 'stager-0', 'dea-0', 'router-0', 'health-manager-0'];
    return names
      .map((name) => {
        try {
          return `== ${name}\n${readFileSync(join(this.home, 'logs', `${name}.log`), 'utf8').slice(-2500)}`;
        } catch {
          return `== ${name}: no log`;
        }
      })
      .join('\n');
  }

  #env(): Record<string, string> {
    return {
      VCAP_ISOLATION: this.#isolation,
      VCAP_HOME: this.home,
      VCAP_PORT: String(this.port),
      VCAP_DOMAIN: this.domain,
    };
  }
}
