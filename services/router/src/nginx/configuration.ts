import { rename, writeFile } from 'node:fs/promises';
import { packageFile } from '@vcap/component';
import type { ServingOptions } from '../plane/local-plane.ts';
import { stampOf } from '../plane/front/pair-files.ts';
import { configText, filesOf } from './config-text.ts';
import { readPairs } from './pairs.ts';
import { luaSettings } from './settings.ts';

/** What operators choose for this plane. */
export interface NginxSettings {
  readonly program: string;
  readonly modules: string;
  readonly directory: string;
  readonly user: string;
  readonly workers: number;
  readonly routesMb: number;
}

/** What the plane is made of. */
export type NginxPlaneOptions = ServingOptions & { readonly nginx: NginxSettings };

const lua = packageFile(import.meta.url, 'lua');

/** nginx's configuration and what Lua is told, as files. */
export class Configuration {
  readonly #options: NginxPlaneOptions;
  readonly #file: string;
  #stamp = '';

  constructor(options: NginxPlaneOptions) {
    this.#options = options;
    this.#file = filesOf(options.nginx.directory).config;
  }

  /** Writes them for ports. */
  async write(ports: { port: number; tlsPort: number }): Promise<void> {
    await this.#write(this.#file, ports);
  }

  /** Writes them anew; what is in use is replaced when `test` has taken the new file. */
  async rewrite(
    ports: { port: number; tlsPort: number },
    test: (file: string) => Promise<void>,
  ): Promise<void> {
    const file = `${this.#file}.new`;
    await this.#write(file, ports);
    await test(file);
    await rename(file, this.#file);
  }

  /** Whether the certificates have changed since they were read. */
  async isOld(): Promise<boolean> {
    const { tls } = this.#options;
    return tls !== undefined && (await stampOf(tls.directory)) !== this.#stamp;
  }

  async #write(file: string, { port, tlsPort }: { port: number; tlsPort: number }): Promise<void> {
    const { settings, address, accessLog, ip, tls, nginx, proxyProtocol, reusePort, drainTimeoutMs } =
      this.#options;
    const files = filesOf(nginx.directory);
    const at = (on: number): string => `${ip.includes(':') ? `[${ip}]` : ip}:${on}`;
    // A change after this is seen at the next look.
    if (tls !== undefined) this.#stamp = await stampOf(tls.directory);
    const pairs = tls === undefined ? [] : await readPairs(tls.directory);
    await writeFile(
      files.settings,
      luaSettings(settings, { address, uls: files.uls, accessLog: accessLog.path !== undefined }),
      { mode: 0o600 },
    );
    const text = configText({
      ...nginx,
      lua,
      user: process.getuid?.() === 0 ? nginx.user : undefined,
      listen: { address: at(port), reusePort },
      tls: tls === undefined ? undefined : { address: at(tlsPort), pairs },
      proxyProtocol,
      accessLog: accessLog.path,
      settings,
      drainTimeoutMs,
    });
    await writeFile(file, text, { mode: 0o600 });
  }
}
