import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import type { ConnectionOptions } from 'mysql2';
import { retry } from '@vcap/clock';
import type { Clock } from '@vcap/clock';
import type { Logger } from '@vcap/component';
import { ServiceError, serviceErrors } from '@vcap/service-base';
import type { Config, ServerConfig } from '../config.ts';
import { DbServer } from './db-server.ts';
import { SessionSlots } from './session-slots.ts';

/** A server with what is said of it in the configuration. */
export interface ManagedServer {
  db: DbServer;
  settings: ServerConfig;
  /** What tenants are told. */
  publicHost: string;
  publicPort: number;
  /** Text of the certificates that tenants check the server's against. */
  ca: string | undefined;
}

const LOOPBACK = /^(localhost$|127\.|::1$)/;
const START_TRIES = { attempts: 5, delayMs: 1000 };

/** The node's database servers by version. */
export class Servers {
  readonly #byVersion = new Map<string, ManagedServer>();
  readonly #clock: Clock;
  readonly #log: Logger;

  constructor(config: Config, own: { clock: Clock; log: Logger; ip: string }) {
    this.#clock = own.clock;
    this.#log = own.log;
    for (const [version, settings] of Object.entries(config.mysql)) {
      const self = config.fqdn_hosts ? hostname() : own.ip;
      const ca = settings.tls && readFileSync(settings.tls.ca, 'utf8');
      const db = new DbServer({
        version,
        connection: connectionOf(settings, ca),
        pool: config.connection_pool_size,
        waitMs: config.connection_wait_timeout * 1000,
        clock: own.clock,
        slots: new SessionSlots(`${config.node_id} ${version}`, own.clock),
      });
      this.#byVersion.set(version, {
        db,
        settings,
        publicHost: settings.public_host ?? (LOOPBACK.test(settings.host) ? self : settings.host),
        publicPort: settings.public_port ?? settings.port,
        ca,
      });
    }
  }

  all(): ManagedServer[] {
    return [...this.#byVersion.values()];
  }

  /** Throws 30004 for a version that this node has no server for. */
  of(version: string): ManagedServer {
    const server = this.#byVersion.get(version);
    if (!server) throw new ServiceError(serviceErrors.unsupportedVersion, version);
    return server;
  }

  async start(): Promise<void> {
    for (const { db } of this.all()) {
      await retry(this.#clock, START_TRIES, async (attempt) => {
        try {
          await db.start();
        } catch (err) {
          this.#log.warn({ event: 'mysql-server-not-reached', version: db.version, attempt, err });
          throw err;
        }
      });
      this.#log.info({ event: 'mysql-server', version: db.version, server: db.flavour.version });
    }
  }

  async stop(): Promise<void> {
    for (const { db } of this.all()) await db.stop();
  }
}

/** An address is in no certificate that the clients would look at: then the authority alone counts. */
export function checksName({ tls, host }: ServerConfig): boolean {
  return (tls?.verify_name ?? false) && isIP(host) === 0;
}

function connectionOf(settings: ServerConfig, ca: string | undefined): ConnectionOptions {
  const place =
    settings.socket === undefined
      ? { host: settings.host, port: settings.port }
      : { socketPath: settings.socket };
  const verifyIdentity = checksName(settings);
  const tls = ca === undefined ? {} : { ssl: { ca, verifyIdentity, minVersion: 'TLSv1.2' } };
  return { ...place, user: settings.user, password: settings.pass, ...tls };
}
