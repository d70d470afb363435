import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { AlreadyExistsError, Node } from '@vcap/service-base';
import type { Binding, Credentials, Instance, InstanceRef, InstanceRequest, Work } from '@vcap/service-base';

/** Greets whoever sends `<instance> <user> <password>`. An instance is a folder, each of its accounts a file. */
export class EchoNode extends Node {
  readonly versions = ['1.0'];
  readonly dir: string;
  readonly #port: number;
  readonly #server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (line) => void this.#answer(line.toString().trim()).then((said) => socket.end(said)));
  });

  constructor({ base_dir, port }: { base_dir: string; port: number }) {
    super();
    this.dir = base_dir;
    this.#port = port;
  }

  override async start(): Promise<void> {
    await mkdir(this.dir, { recursive: true });
    await new Promise<void>((resolve) => this.#server.listen(this.#port, '127.0.0.1', resolve));
  }

  override async stop(): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
  }

  newInstance({ given }: InstanceRequest): Credentials {
    return this.#credentials(given?.name ?? `e${randomBytes(16).toString('hex')}`, given);
  }

  newBinding({ name }: Instance, _options: object, given?: Credentials): Credentials {
    return this.#credentials(name, given);
  }

  async exists({ name }: Instance): Promise<boolean> {
    return existsSync(this.#path(name));
  }

  async provision({ name, credentials }: Instance, work: Work): Promise<void> {
    await mkdir(this.#path(name)).catch((error: NodeJS.ErrnoException) => {
      throw error.code === 'EEXIST' ? new AlreadyExistsError(name) : error;
    });
    work.step('folder made');
    await writeFile(this.#path(name, 'greeting'), 'hello');
    work.step('greeting written');
    await writeFile(this.#account(credentials), String(credentials['password']));
  }

  async unprovision({ name }: InstanceRef): Promise<void> {
    await rm(this.#path(name), { recursive: true, force: true });
  }

  async bind(_instance: Instance, { credentials }: Binding, work: Work): Promise<void> {
    await writeFile(this.#account(credentials), String(credentials['password']));
    work.step('account made');
  }

  async unbind({ credentials }: Binding): Promise<void> {
    await rm(this.#account(credentials), { force: true });
  }

  override listInstances(): Promise<string[]> {
    return readdir(this.dir);
  }

  override async listBindings(): Promise<Credentials[]> {
    const files = await readdir(this.dir, { recursive: true });
    return files
      .map((file) => file.split('/user-'))
      .filter(([, user]) => user !== undefined)
      .map(([name = '', user]) => ({ name, user }));
  }

  override async dump({ name }: Instance, to: Writable): Promise<void> {
    to.end(await readFile(this.#path(name, 'greeting')));
  }

  override async load({ name }: Instance, from: Readable): Promise<void> {
    await writeFile(this.#path(name, 'greeting'), await text(from));
  }

  override async disable({ name }: Instance): Promise<void> {
    await writeFile(this.#path(name, 'disabled'), '');
  }

  override async enable({ name }: Instance): Promise<void> {
    await rm(this.#path(name, 'disabled'), { force: true });
  }

  async #answer(line: string): Promise<string> {
    const [name = '', user, password] = line.split(' ');
    const account = this.isInstanceName(name) ? this.#account({ name, user }) : '';
    const known = await readFile(account, 'utf8').catch(() => undefined);
    if (known === undefined || known !== password || existsSync(this.#path(name, 'disabled')))
      return 'go away';
    return readFile(this.#path(name, 'greeting'), 'utf8');
  }

  #credentials(name: string, given?: Credentials): Credentials {
    const user = given?.['user'] ?? randomBytes(8).toString('hex');
    const password = given?.['password'] ?? randomBytes(16).toString('hex');
    return { name, host: '127.0.0.1', port: this.#port, user, password };
  }

  #account(credentials: Credentials): string {
    return this.#path(credentials.name, `user-${this.accountOf(credentials).replaceAll(/\W/g, '_')}`);
  }

  #path(...words: string[]): string {
    return join(this.dir, ...words);
  }
}
