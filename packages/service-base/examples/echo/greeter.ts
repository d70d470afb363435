import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';

/**
 * What the service offers, in place of a database server: greets whoever sends `<name> <user> <password>`. What has a
 * name is a folder, each of its accounts a file in it.
 */
export class Greeter {
  readonly dir: string;
  readonly #server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (line) => void this.#answer(line.toString().trim()).then((said) => socket.end(said)));
  });

  constructor(dir: string) {
    this.dir = dir;
  }

  async start(port: number): Promise<void> {
    await mkdir(this.dir, { recursive: true });
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
  }

  async stop(): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
  }

  has(name: string): boolean {
    return existsSync(this.#path(name));
  }

  /** False: there is one already. */
  async make(name: string): Promise<boolean> {
    return mkdir(this.#path(name)).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'EEXIST') return false;
        throw error;
      },
    );
  }

  async remove(name: string): Promise<void> {
    await rm(this.#path(name), { recursive: true, force: true });
  }

  async admit(name: string, user: string, password: string): Promise<void> {
    await writeFile(this.#account(name, user), password);
  }

  async dismiss(name: string, user: string): Promise<void> {
    await rm(this.#account(name, user), { force: true });
  }

  /** A closed one answers nobody. */
  async close(name: string, closed: boolean): Promise<void> {
    await (closed
      ? writeFile(this.#path(name, 'closed'), '')
      : rm(this.#path(name, 'closed'), { force: true }));
  }

  async read(name: string): Promise<string> {
    return readFile(this.#path(name, 'greeting'), 'utf8');
  }

  async write(name: string, greeting: string): Promise<void> {
    await writeFile(this.#path(name, 'greeting'), greeting);
  }

  names(): Promise<string[]> {
    return readdir(this.dir);
  }

  async accounts(): Promise<{ name: string; user: string }[]> {
    const files = await readdir(this.dir, { recursive: true });
    return files.flatMap((file) => {
      const [name = '', user] = file.split('/user-');
      return user === undefined ? [] : [{ name, user }];
    });
  }

  async #answer(line: string): Promise<string> {
    const [name = '', user = '', password] = line.split(' ');
    if (!/^\w+$/.test(name) || existsSync(this.#path(name, 'closed'))) return 'go away';
    const known = await readFile(this.#account(name, user), 'utf8').catch(() => undefined);
    return known !== undefined && known === password ? this.read(name) : 'go away';
  }

  #account(name: string, user: string): string {
    return this.#path(name, `user-${user.replaceAll(/\W/g, '_')}`);
  }

  #path(...words: string[]): string {
    return join(this.dir, ...words);
  }
}
