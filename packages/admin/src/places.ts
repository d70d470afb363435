import { basename } from 'node:path';
import { blobstoreConfig } from '@vcap/blobstore';
import type { BlobstoreConfig, S3Config } from '@vcap/blobstore';
import { loadConfig } from '@vcap/component';
import { z } from 'zod';

/** A file with SQLite data, a database on a server, a server with all databases of users, a directory, or a bucket. */
export type Place =
  | { name: string; kind: 'sqlite'; path: string }
  | { name: string; kind: 'database'; uri: string; dump: string; client: string }
  | { name: string; kind: 'server'; uri: string; socket: string | undefined; dump: string; client: string }
  | { name: string; kind: 'files'; path: string }
  | { name: string; kind: 'bucket'; s3: S3Config };

const database = z.discriminatedUnion('dialect', [
  z.strictObject({ dialect: z.literal('sqlite'), path: z.string().min(1) }),
  z.strictObject({ dialect: z.literal('mysql'), uri: z.url({ protocol: /^mysql$/ }) }),
]);
const controller = z.looseObject({ database, blobstore: blobstoreConfig });
const server = z.looseObject({
  host: z.string().default('127.0.0.1'),
  port: z.number().default(3306),
  user: z.string().default('root'),
  pass: z.string().default(''),
  socket: z.string().optional(),
  mysqldump_bin: z.string().default('mysqldump'),
  mysql_bin: z.string().default('mysql'),
});
const localDb = z
  .string()
  .min(1)
  .transform((path) => path.replace(/^sqlite3:/, ''));
const node = z.looseObject({
  node_id: z.string().regex(/^[A-Za-z0-9_-]+$/),
  local_db: localDb,
  mysql: z.record(z.string().regex(/^[A-Za-z0-9._-]+$/), server),
});
const broker = z.looseObject({ local_db: localDb });
const gateway = z.looseObject({ blobstore: blobstoreConfig.optional() });

/** Configuration files of components, as they run; any may be left out. */
export interface ConfigFiles {
  controller?: string | undefined;
  nodes?: readonly string[];
  broker?: string | undefined;
  gateway?: string | undefined;
  /** Programs for the controllers' database, where that is on a server. */
  dump?: string;
  client?: string;
}

/**
 * What a platform keeps, in the order it is saved: rows before the files they name. Throws a ConfigError that names file
 * and key. Variables that replace keys (`VCAP_CONFIG_...`) count, as they do for the components.
 */
export function placesOf(config: ConfigFiles, env: NodeJS.ProcessEnv = {}): Place[] {
  const { dump = 'mariadb-dump', client = 'mariadb' } = config;
  const places: Place[] = [];
  for (const file of config.nodes ?? []) {
    const { local_db: path, mysql, node_id: id } = loadConfig(file, node, env);
    // The registry last: it then knows no less than the server's copy has.
    for (const [version, one] of Object.entries(mysql)) {
      const uri = new URL(`mysql://${one.host}:${one.port}/`);
      uri.username = one.user;
      uri.password = one.pass;
      const { mysql_bin, mysqldump_bin, socket } = one;
      const programs = { dump: mysqldump_bin, client: mysql_bin };
      places.push({ name: `${id}.${version}`, kind: 'server', uri: uri.href, socket, ...programs });
    }
    places.push({ name: `${id}.registry`, kind: 'sqlite', path });
  }
  if (config.broker !== undefined) {
    const { local_db: path } = loadConfig(config.broker, broker, env);
    places.push({ name: 'service-broker', kind: 'sqlite', path });
  }
  if (config.controller !== undefined) {
    const loaded = loadConfig(config.controller, controller, env);
    const where = loaded.database;
    const name = 'cloud-controller';
    if (where.dialect === 'sqlite') places.push({ name, kind: 'sqlite', path: where.path });
    else places.push({ name, kind: 'database', uri: where.uri, dump, client });
    places.push(blobsOf('blobs', loaded.blobstore));
  }
  if (config.gateway !== undefined) {
    const { blobstore } = loadConfig(config.gateway, gateway, env);
    if (blobstore) places.push(blobsOf('service-files', blobstore));
  }
  const names = new Set(places.map(({ name }) => name));
  if (names.size < places.length) throw new Error('two of the files are of the same node');
  return places;
}

const blobsOf = (name: string, { root, s3 }: BlobstoreConfig): Place =>
  s3 === undefined ? { name, kind: 'files', path: root } : { name, kind: 'bucket', s3 };

/** How a place is called in a backup: what was saved from a bucket can go into a directory, and the other way round. */
export const kindOf = ({ kind }: Place): Exclude<Place['kind'], 'bucket'> =>
  kind === 'bucket' ? 'files' : kind;

/** File of a part in a backup. */
export const fileOf = (place: Place): string =>
  `${basename(place.name)}.${{ sqlite: 'sqlite', database: 'sql', server: 'sql', files: 'tar' }[kindOf(place)]}`;
