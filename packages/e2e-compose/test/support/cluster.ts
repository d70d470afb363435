import { join } from 'node:path';
import { freePort, tempDir, waitFor } from '@vcap/testkit';
import type { TempDir } from '@vcap/testkit';
import { DockerComposeEnvironment, Wait } from 'testcontainers';
import type { StartedDockerComposeEnvironment } from 'testcontainers';
import { deploy, root, vmcProgram } from './checkout.ts';
import { ask } from './load.ts';
import { must, run } from './run.ts';
import type { Ended, RunOptions } from './run.ts';
import { projectOf } from './usable.ts';

const domain = 'e2e.localhost';
const upTimeoutMs = 300_000;

/** docker-compose.yml, up under a name and on a port of its own. */
export class Cluster {
  readonly port: number;
  readonly #environment: StartedDockerComposeEnvironment;
  readonly #settings: Record<string, string>;
  readonly #home: TempDir;
  #secrets: Promise<Record<string, string>> | undefined;

  private constructor(
    port: number,
    environment: StartedDockerComposeEnvironment,
    settings: Record<string, string>,
    home: TempDir,
  ) {
    this.port = port;
    this.#environment = environment;
    this.#settings = settings;
    this.#home = home;
  }

  /** `settings`: of .env.example, beside the port and the domain. */
  static async up(settings: Record<string, string> = {}): Promise<Cluster> {
    const port = await freePort();
    const all = { ...settings, VCAP_PORT: String(port), VCAP_DOMAIN: domain };
    const start = async (): Promise<StartedDockerComposeEnvironment> =>
      new DockerComposeEnvironment(root, 'docker-compose.yml')
        .withProjectName(Cluster.project)
        .withEnvironment({ ...process.env, ...all })
        .withClientOptions({ commandOptions: ['--no-build', '--wait', '--quiet-pull'] })
        // Compose has waited for the health checks already.
        .withDefaultWaitStrategy(Wait.forHealthCheck())
        .withStartupTimeout(upTimeoutMs)
        .up();
    // A machine that stands still for a while makes a health check fail: once more, then.
    const environment = await start().catch(start);
    return new Cluster(port, environment, all, await tempDir('vcap-e2e-compose-'));
  }

  static get project(): string {
    return process.env[projectOf] ?? 'vcap-e2e';
  }

  async down(): Promise<void> {
    await this.#environment.down({ removeVolumes: true, timeout: 5000 });
    await this.#home.remove();
  }

  /** Sets one of .env.example's from now on. */
  set(name: string, value: string): void {
    this.#settings[name] = value;
  }

  /** What operators run to replace containers in order. */
  async upgrade(...services: string[]): Promise<void> {
    const env = { ...process.env, ...this.#settings, COMPOSE_PROJECT_NAME: Cluster.project };
    await must(join(deploy, 'docker/upgrade'), services, { env, timeoutMs: upTimeoutMs });
  }

  /** A `docker compose` command that must succeed. */
  async compose(...args: string[]): Promise<string> {
    return this.docker('compose', '-p', Cluster.project, ...args);
  }

  /** A `docker` command that must succeed. */
  async docker(...args: string[]): Promise<string> {
    const env = { ...process.env, ...this.#settings };
    return (await must('docker', args, { cwd: root, env, timeoutMs: upTimeoutMs })).stdout;
  }

  /** Ids of a service's running containers, the oldest first. */
  async containers(service: string): Promise<string[]> {
    const ids = await this.compose('ps', '-q', service);
    return ids.split('\n').filter(Boolean).toSorted();
  }

  /** Volumes without a name of a service's containers: one that is scaled away leaves its own behind. */
  async namelessVolumes(service: string): Promise<string[]> {
    const format = '{{range .Mounts}}{{if eq .Type "volume"}}{{println .Name}}{{end}}{{end}}';
    const names = await this.docker('inspect', '-f', format, ...(await this.containers(service)));
    return names.split('\n').filter((name) => /^[0-9a-f]{64}$/.test(name));
  }

  /** Address in the cluster's network, which this host reaches too. */
  async address(container: string): Promise<string> {
    const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}';
    return (await this.docker('inspect', '-f', format, container)).trim();
  }

  /** Kills a container and takes it away, as no orderly end does. */
  async destroy(container: string): Promise<void> {
    await this.docker('rm', '-f', '-v', container);
  }

  /** Makes the containers of services again that are missing, and waits until they are healthy; arguments of `up` too. */
  async restore(...services: string[]): Promise<void> {
    const command = ['up', '-d', '--no-build', '--no-recreate', '--no-deps', '--wait', ...services];
    await this.compose(...command).catch(async () => this.compose(...command));
  }

  /** Text of one of the cluster's secrets. */
  async secret(name: string): Promise<string> {
    this.#secrets ??= this.#readSecrets();
    return (await this.#secrets)[name] ?? '';
  }

  /** All of them at once: a container costs a second. */
  async #readSecrets(): Promise<Record<string, string>> {
    const script = `const { readdirSync, readFileSync } = require('node:fs');
      console.log(JSON.stringify(Object.fromEntries(
        readdirSync('/s').map((name) => [name, readFileSync('/s/' + name, 'utf8').trim()]))))`;
    const args = ['run', '--rm', '-v', `${Cluster.project}_secrets:/s:ro`, 'node:24-bookworm-slim'];
    return JSON.parse(await this.docker(...args, 'node', '-e', script)) as Record<string, string>;
  }

  /** What a database server says of the one it copies. */
  async replication(service: string): Promise<string> {
    const client = 'mariadb -uroot -p"$(cat /secrets/database-root-password)" -e "SHOW SLAVE STATUS\\G"';
    return this.compose('exec', '-T', service, 'sh', '-c', client);
  }

  /** What the API knows the administrator by. */
  async token(password: string): Promise<string> {
    const path = '/users/admin@vcap.local/tokens';
    const question = { host: this.host('api'), method: 'POST', path, body: { password } };
    const [status, text] = await ask(this.port, question);
    if (status !== 200) throw new Error(`${path}: ${status} ${text}`);
    return (JSON.parse(text) as { token: string }).token;
  }

  vmc(...args: string[]): Promise<Ended> {
    return run(vmcProgram, args, this.#vmcOptions);
  }

  /** A vmc command that must succeed. */
  async ok(...args: string[]): Promise<string> {
    return (await must(vmcProgram, args, this.#vmcOptions)).output;
  }

  /** The same, for one that reads. */
  async okWith(input: string, ...args: string[]): Promise<string> {
    return (await must(vmcProgram, args, { ...this.#vmcOptions, input })).output;
  }

  get #vmcOptions(): RunOptions {
    return { env: { ...process.env, HOME: this.#home.path, NODE_OPTIONS: '' }, timeoutMs: 120_000 };
  }

  async login(): Promise<string> {
    const password = await this.secret('admin-password');
    await this.ok('target', `http://api.${domain}:${this.port}`);
    await this.ok('login', 'admin@vcap.local', '--passwd', password, '-n');
    return password;
  }

  host(app: string): string {
    return `${app}.${domain}`;
  }

  async get(app: string, path = '/'): Promise<[number, string]> {
    return ask(this.port, { host: this.host(app), path });
  }

  /** Waits until an application answers 200, and gives the answer's text. */
  async answer(app: string, path = '/', timeoutMs = 120_000): Promise<string> {
    return waitFor(
      async () => {
        const [status, text] = await this.get(app, path);
        if (status !== 200) throw new Error(`${status} ${text.slice(0, 200)}`);
        return text;
      },
      { timeoutMs, what: `200 of ${app}` },
    );
  }

  /** Waits until so many instances of an application run, by what users are told. */
  async running(app: string, count: number, timeoutMs = 180_000): Promise<void> {
    await waitFor(
      async () => {
        const instances = await this.ok('instances', app, '--json');
        const list = (JSON.parse(instances) as { state: string }[]).filter(
          ({ state }) => state === 'RUNNING',
        );
        if (list.length !== count) throw new Error(instances);
        return true;
      },
      { timeoutMs, what: `${count} running instances of ${app}` },
    );
  }
}
