import { mkdirSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { systemClock } from '@vcap/clock';
import { planComponents } from './components.ts';
import { freePort, mustBeFree } from './free-port.ts';
import { RunFile } from './leftovers.ts';
import { ManagedProcess } from './managed-process.ts';
import type { ProcessSpec } from './managed-process.ts';
import type { LocalOptions } from './options.ts';
import { prepareMariadb } from './mariadb.ts';
import { startTimeOf } from './process-identity.ts';
import { keptSecret } from './secrets.ts';
import { natsSpec, redisSpec, waitForPort } from './servers.ts';

const serverTimeoutMs = 10_000;
const readyTimeoutMs = 60_000;

/** A whole cluster on this machine: private servers and every component as a process of its own. */
export class LocalCluster {
  readonly #root: string;
  readonly #options: LocalOptions;
  readonly #say: (line: string) => void;
  readonly #runFile: RunFile;
  #processes: ManagedProcess[] = [];

  /** `root` is the checkout, `say` takes lines for people. */
  constructor(root: string, options: LocalOptions, say: (line: string) => void) {
    this.#root = root;
    this.#options = options;
    this.#say = say;
    for (const dir of ['config', 'logs'])
      mkdirSync(join(options.home, dir), { recursive: true, mode: 0o700 });
    this.#runFile = new RunFile(join(options.home, 'run.json'));
  }

  get passwordFile(): string {
    return join(this.#options.home, 'admin-password');
  }

  /** Starts everything; resolves when the API answers through the router and code can be staged and run. */
  async start(): Promise<void> {
    const { home, port, count } = this.#options;
    for (const name of await this.#runFile.clear())
      this.#say(`ended ${name}, left behind by a killed cluster`);
    await mustBeFree(port);
    keptSecret(this.passwordFile, this.#options.adminPassword);
    const tokenKeyFile = join(home, 'token-key');
    keptSecret(tokenKeyFile);
    const busPassword = keptSecret(join(home, 'bus-password'));
    const natsPort = await freePort();
    const redisPort = await freePort();
    this.#launch(natsSpec(home, natsPort, busPassword));
    this.#launch(redisSpec(home, redisPort, busPassword));
    const mariadb = await prepareMariadb(home, await freePort());
    if (mariadb) this.#launch(mariadb.spec);
    else this.#say('There is no MySQL service: mariadbd is not installed (Debian: mariadb-server)');
    await Promise.all([
      waitForPort('nats', natsPort, serverTimeoutMs),
      waitForPort('redis', redisPort, serverTimeoutMs),
    ]);
    const ticketFile = join(home, 'tunnel-key');
    keptSecret(ticketFile);
    const controllerPorts = await Promise.all(Array.from({ length: count['cloud-controller'] }, freePort));
    const specs = await planComponents({
      root: this.#root,
      options: this.#options,
      mbus: `nats://vcap:${busPassword}@127.0.0.1:${natsPort}`,
      redisUri: `redis://:${busPassword}@127.0.0.1:${redisPort}`,
      adminPasswordFile: this.passwordFile,
      tokenKeyFile,
      controllerPorts,
      secrets: {
        gateway: keptSecret(join(home, 'gateway-token')),
        broker: keptSecret(join(home, 'broker-token')),
        ticketFile,
      },
      mariadb: mariadb?.place,
    });
    for (const spec of specs) this.#launch(spec);
    await this.#untilReady();
    await this.#warnOfPlainProcesses();
  }

  /** Stops in reverse order, the components of one kind at once; leaves no process. */
  async stop(): Promise<void> {
    const kinds = Map.groupBy(this.#processes.toReversed(), ({ spec }) => spec.name.replace(/-\d+$/, ''));
    for (const processes of kinds.values()) await Promise.all(processes.map((each) => each.stop()));
    // A start that was refused launched nothing: the file is that of the cluster which runs already.
    if (this.#processes.length > 0) this.#runFile.remove();
  }

  #launch(spec: ProcessSpec): void {
    const child = new ManagedProcess(spec, this.#say, () => this.#note());
    this.#processes.push(child);
    child.start();
    this.#say(`${spec.name.padEnd(20)} started   log ${spec.logFile}`);
  }

  #note(): void {
    const owner = { name: 'local', pid: process.pid, startTime: startTimeOf(process.pid) ?? 0 };
    this.#runFile.write(
      owner,
      this.#processes.flatMap(({ identity }) => (identity ? [identity] : [])),
    );
  }

  async #untilReady(): Promise<void> {
    const end = systemClock.monotonic() + readyTimeoutMs;
    while (!(await this.#answers())) {
      if (systemClock.monotonic() > end) {
        const dead = this.#processes.filter(({ running }) => !running).map(({ spec }) => spec.name);
        const what = dead.length > 0 ? `not running: ${dead.join(', ')}` : 'the API does not answer';
        throw new Error(
          `the cluster is not ready after ${readyTimeoutMs / 1000} s (${what}); see ${this.#options.home}/logs`,
        );
      }
      await systemClock.sleep(50);
    }
  }

  /** Whether GET /info/runtimes through the router lists what DEAs have. */
  async #answers(): Promise<boolean> {
    return ((await this.#get('/info/runtimes'))?.length ?? 0) > 2;
  }

  /** Nobody shall take a cluster for safe that is not. */
  async #warnOfPlainProcesses(): Promise<void> {
    if (!/"isolation":"process"/.test((await this.#get('/info')) ?? '')) return;
    const whose = process.getuid?.() === 0 ? 'root' : 'this user';
    this.#say(`
WARNING: nothing keeps applications apart. They and their build scripts run as plain processes of ${whose}:
push only what you trust with all that ${whose} may do. The reason (isolation-is-process) is in
${join(this.#options.home, 'logs', 'dea-0.log')}`);
  }

  /** The body of a 200 of the API, through the router. */
  #get(path: string): Promise<string | undefined> {
    const { port, domain } = this.#options;
    return new Promise((resolve) => {
      const call = request(
        { host: '127.0.0.1', port, path, headers: { host: `api.${domain}` }, timeout: 1000 },
        (response) => {
          let text = '';
          response.on('data', (chunk: Buffer) => (text += chunk.toString()));
          response.on('end', () => resolve(response.statusCode === 200 ? text : undefined));
          response.on('error', () => resolve(undefined));
        },
      );
      call.on('timeout', () => call.destroy());
      call.on('error', () => resolve(undefined));
      call.end();
    });
  }
}
