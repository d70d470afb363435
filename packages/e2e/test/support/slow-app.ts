import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tempDir, waitFor } from '@vcap/testkit';
import { existsSync } from 'node:fs';

/** An application whose staging waits at a gate, so that a test can do something in the middle of it. */
export class SlowApp {
  readonly path: string;
  readonly #gate: string;
  readonly remove: () => Promise<void>;

  private constructor(root: string, remove: () => Promise<void>) {
    this.path = join(root, 'app');
    this.#gate = join(root, 'gate');
    this.remove = remove;
  }

  static async create(): Promise<SlowApp> {
    const dir = await tempDir('vcap-slow-app');
    const app = new SlowApp(dir.path, () => dir.remove());
    // The stager runs install scripts as an unprivileged user.
    await chmod(dir.path, 0o755);
    await mkdir(app.#gate);
    await chmod(app.#gate, 0o777);
    await mkdir(join(app.path, 'part'), { recursive: true });
    const files = {
      'package.json': JSON.stringify({
        name: 'slow',
        version: '1.0.0',
        scripts: { preinstall: 'node wait.js' },
        dependencies: { part: 'file:part' },
      }),
      'part/package.json': JSON.stringify({ name: 'part', version: '1.0.0' }),
      'wait.js': `
        const { existsSync, writeFileSync } = require('node:fs');
        const gate = ${JSON.stringify(app.#gate)};
        if (existsSync(gate)) writeFileSync(gate + '/waiting', '');
        const look = () => existsSync(gate + '/open') || !existsSync(gate) || setTimeout(look, 20);
        look();`,
      'server.js': `
        require('node:http').createServer((_, response) => response.end('slow')).listen(process.env.PORT);`,
    };
    for (const [name, text] of Object.entries(files)) await writeFile(join(app.path, name), text);
    return app;
  }

  /** Lets no staging pass from now on. */
  async close(): Promise<void> {
    for (const name of ['open', 'waiting']) await rm(join(this.#gate, name), { force: true });
  }

  /** Lets the staging that waits, and later ones, pass. */
  async open(): Promise<void> {
    await writeFile(join(this.#gate, 'open'), '');
  }

  /** Resolves when a staging has come to the gate. */
  async waiting(): Promise<void> {
    await waitFor(() => existsSync(join(this.#gate, 'waiting')), {
      timeoutMs: 30_000,
      what: 'a staging to reach the gate',
    });
  }
}
