import { randomBytes } from 'node:crypto';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { AlreadyExistsError, Node } from '@vcap/service-base';
import type { Binding, Credentials, Instance, InstanceRef, InstanceRequest, Work } from '@vcap/service-base';
import { Greeter } from './greeter.ts';

/** Greetings as a service: an instance is one of the greeter's, a binding one more account there. */
export class EchoNode extends Node {
  readonly versions = ['1.0'];
  readonly greeter: Greeter;
  readonly #port: number;

  constructor({ base_dir, port }: { base_dir: string; port: number }) {
    super();
    this.greeter = new Greeter(base_dir);
    this.#port = port;
  }

  override start(): Promise<void> {
    return this.greeter.start(this.#port);
  }

  override stop(): Promise<void> {
    return this.greeter.stop();
  }

  newInstance({ given }: InstanceRequest): Credentials {
    return this.#credentials(given?.name ?? `e${randomBytes(16).toString('hex')}`, given);
  }

  newBinding({ name }: Instance, _options: object, given?: Credentials): Credentials {
    return this.#credentials(name, given);
  }

  async exists({ name }: Instance): Promise<boolean> {
    return this.greeter.has(name);
  }

  async provision({ name, credentials }: Instance, work: Work): Promise<void> {
    if (!(await this.greeter.make(name))) throw new AlreadyExistsError(name);
    work.step('folder made');
    await this.greeter.write(name, 'hello');
    work.step('greeting written');
    await this.#admit(credentials);
  }

  async unprovision({ name }: InstanceRef): Promise<void> {
    await this.greeter.remove(name);
  }

  async bind(_instance: Instance, { credentials }: Binding, work: Work): Promise<void> {
    await this.#admit(credentials);
    work.step('account made');
  }

  async unbind({ credentials }: Binding): Promise<void> {
    await this.greeter.dismiss(credentials.name, this.accountOf(credentials));
  }

  override listInstances(): Promise<string[]> {
    return this.greeter.names();
  }

  override listBindings(): Promise<Credentials[]> {
    return this.greeter.accounts();
  }

  override async dump({ name }: Instance, to: Writable): Promise<void> {
    to.end(await this.greeter.read(name));
  }

  override async load({ name }: Instance, from: Readable): Promise<void> {
    await this.greeter.write(name, await text(from));
  }

  override disable({ name }: Instance): Promise<void> {
    return this.greeter.close(name, true);
  }

  override enable({ name }: Instance): Promise<void> {
    return this.greeter.close(name, false);
  }

  #admit(credentials: Credentials): Promise<void> {
    const { name, password } = credentials;
    return this.greeter.admit(name, this.accountOf(credentials), String(password));
  }

  #credentials(name: string, given?: Credentials): Credentials {
    const user = given?.['user'] ?? randomBytes(8).toString('hex');
    const password = given?.['password'] ?? randomBytes(16).toString('hex');
    return { name, host: '127.0.0.1', port: this.#port, user, password };
  }
}
