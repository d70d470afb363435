import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { blobstoreConfig, createBlobstore } from '@vcap/blobstore';
import type { Blobstore } from '@vcap/blobstore';
import { startMariadb, startSwift, swiftMissing, tempDir } from '@vcap/testkit';
import type { SqlServer, TempDir } from '@vcap/testkit';
import { createConnection } from 'mysql2/promise';
import type { RowDataPacket } from 'mysql2/promise';
import { stringify } from 'yaml';

const run = promisify(execFile);
/** From its source: what is built may be older. */
const program = ['--conditions=source', fileURLToPath(new URL('../src/main.ts', import.meta.url))];
/** As users have them: a quote, a backslash and a dollar sign. */
const tenantPassword = String.raw`p'a"s\s$1`;

let dir: TempDir;
let server: SqlServer;

beforeAll(async () => {
  dir = await tempDir('vcap-admin-');
  server = await startMariadb();
  await sql(`CREATE DATABASE cloud_controller CHARACTER SET utf8mb4`);
  await sql(`CREATE USER 'vcap'@'%' IDENTIFIED BY 'controller'`);
  await sql(`GRANT ALL ON cloud_controller.* TO 'vcap'@'%'`);
}, 120_000);
afterAll(async () => {
  await server.stop();
  await dir.remove();
});

const place = (...names: string[]): string => join(dir.path, ...names);

async function sql(
  statement: string,
  user = 'root',
  password = '',
  database?: string,
): Promise<RowDataPacket[]> {
  const connection = await createConnection({
    host: '127.0.0.1',
    port: server.port,
    user,
    password,
    ...(database === undefined ? {} : { database }),
  });
  try {
    const [rows] = await connection.query<RowDataPacket[]>(statement);
    return rows;
  } finally {
    await connection.end();
  }
}

/** Status and output of the program. */
async function admin(...args: string[]): Promise<{ status: number; output: string }> {
  const env = { ...process.env, NODE_OPTIONS: '' };
  try {
    const { stderr, stdout } = await run(process.execPath, [...program, ...args], { env });
    return { status: 0, output: stdout + stderr };
  } catch (error) {
    const { code, stderr, stdout } = error as { code: number; stderr: string; stdout: string };
    return { status: code, output: stdout + stderr };
  }
}

/** Configuration files of a platform below `name`, with keys that are none of the tool's business. */
function configure(name: string, database: unknown, blobstore?: unknown): string[] {
  const root = place(name);
  mkdirSync(root, { recursive: true });
  const write = (file: string, value: unknown): string => {
    const path = join(root, file);
    writeFileSync(path, stringify(value));
    return path;
  };
  const mbus = 'nats://127.0.0.1:4222';
  const controller = write('cloud-controller.yml', {
    mbus,
    external_uri: 'api.example.com',
    database,
    blobstore: blobstore ?? { root: join(root, 'blobs') },
  });
  const node = write('mysql-node.yml', {
    mbus,
    node_id: 'mysql_node_free_0',
    local_db: `sqlite3:${join(root, 'instances.sqlite')}`,
    mysql: {
      '10.11': { host: '127.0.0.1', port: server.port, mysqldump_bin: 'mariadb-dump', mysql_bin: 'mariadb' },
    },
  });
  const broker = write('service-broker.yml', { mbus, token: 't', local_db: join(root, 'broker.sqlite') });
  return ['--controller', controller, '--mysql-node', node, '--broker', broker];
}

function makeSqlite(path: string, value: string): void {
  const db = new DatabaseSync(path);
  db.exec('PRAGMA journal_mode = WAL; CREATE TABLE kept (value TEXT)');
  db.prepare('INSERT INTO kept VALUES (?)').run(value);
  db.close();
}

function readSqlite(path: string): unknown {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    return db.prepare('SELECT value FROM kept').get()?.['value'];
  } finally {
    db.close();
  }
}

test('all that a platform keeps is saved while it is in use, and put back', async () => {
  const uri = `mysql://vcap:controller@127.0.0.1:${server.port}/cloud_controller`;
  const files = configure('one', { dialect: 'mysql', uri });
  const root = place('one');
  await sql(`CREATE TABLE apps (name VARCHAR(64), picture BLOB)`, 'vcap', 'controller', 'cloud_controller');
  await sql(`INSERT INTO apps VALUES ('héllo 🌍', 0x00ff27)`, 'vcap', 'controller', 'cloud_controller');
  mkdirSync(join(root, 'blobs/ab'), { recursive: true });
  writeFileSync(join(root, 'blobs/ab/droplet'), Buffer.alloc(300_000, 7), { mode: 0o640 });
  makeSqlite(join(root, 'instances.sqlite'), 'an instance');
  makeSqlite(join(root, 'broker.sqlite'), 'a registration');
  await sql('CREATE DATABASE d_tenant');
  await sql('CREATE TABLE d_tenant.visits (n INT)');
  await sql('INSERT INTO d_tenant.visits VALUES (1), (2)');
  await sql('CREATE VIEW d_tenant.many AS SELECT COUNT(*) AS n FROM d_tenant.visits');
  await sql(
    `CREATE USER 'u_tenant'@'%' IDENTIFIED BY ${literal(tenantPassword)} WITH MAX_USER_CONNECTIONS 7`,
  );
  await sql(`GRANT SELECT, INSERT ON d_tenant.* TO 'u_tenant'@'%'`);
  // In use: a transaction is open, and what it wrote is not there yet.
  const open = new DatabaseSync(join(root, 'instances.sqlite'));
  open.exec("BEGIN IMMEDIATE; UPDATE kept SET value = 'half done'");

  const saved = await admin('backup', place('saved'), ...files);
  open.exec('ROLLBACK');
  open.close();
  expect(saved).toMatchObject({ status: 0 });
  expect(statSync(place('saved')).mode & 0o077).toBe(0);
  for (const secret of [tenantPassword, 'controller@']) expect(saved.output).not.toContain(secret);

  await sql('DROP DATABASE d_tenant');
  await sql(`DROP USER 'u_tenant'@'%'`);
  await sql('DROP TABLE apps', 'vcap', 'controller', 'cloud_controller');
  for (const name of ['blobs', 'instances.sqlite', 'broker.sqlite'])
    rmSync(join(root, name), { recursive: true });

  // Tables of the controller are in a database of the same server here, which the dump of the server has too.
  const restored = await admin('restore', place('saved'), ...files);
  expect(restored).toMatchObject({ status: 0 });
  const [app] = await sql('SELECT name, HEX(picture) AS picture FROM cloud_controller.apps');
  expect(app).toMatchObject({ name: 'héllo 🌍', picture: '00FF27' });
  expect(readFileSync(join(root, 'blobs/ab/droplet'))).toEqual(Buffer.alloc(300_000, 7));
  expect(statSync(join(root, 'blobs/ab/droplet')).mode & 0o777).toBe(0o640);
  expect(readSqlite(join(root, 'instances.sqlite'))).toBe('an instance');
  expect(readSqlite(join(root, 'broker.sqlite'))).toBe('a registration');
  const [many] = await sql('SELECT n FROM many', 'u_tenant', tenantPassword, 'd_tenant');
  expect(many).toMatchObject({ n: 2 });
  await sql('INSERT INTO visits VALUES (3)', 'u_tenant', tenantPassword, 'd_tenant');
  await expect(sql('DROP TABLE visits', 'u_tenant', tenantPassword, 'd_tenant')).rejects.toThrow(/denied/);
}, 120_000);

test('what is there is replaced only when asked', async () => {
  const files = configure('two', { dialect: 'sqlite', path: place('two', 'cc.sqlite') }).slice(0, 2);
  mkdirSync(place('two', 'blobs'));
  writeFileSync(place('two', 'blobs', 'one'), 'first');
  makeSqlite(place('two', 'cc.sqlite'), 'first');
  expect((await admin('backup', place('two', 'saved'), ...files)).status).toBe(0);
  rmSync(place('two', 'cc.sqlite'));
  makeSqlite(place('two', 'cc.sqlite'), 'second');
  writeFileSync(place('two', 'blobs', 'two'), 'second');

  const refused = await admin('restore', place('two', 'saved'), ...files);
  expect(refused).toMatchObject({ status: 1, output: expect.stringMatching(/holds data.*--force/) });
  expect(readSqlite(place('two', 'cc.sqlite'))).toBe('second');

  expect((await admin('restore', place('two', 'saved'), '--force', ...files)).status).toBe(0);
  expect(readSqlite(place('two', 'cc.sqlite'))).toBe('first');
  expect(() => statSync(place('two', 'blobs', 'two'))).toThrow(/ENOENT/);
}, 60_000);

test('a backup that is not whole is not restored', async () => {
  const files = configure('three', { dialect: 'sqlite', path: place('three', 'cc.sqlite') }).slice(0, 2);
  mkdirSync(place('three', 'blobs'));
  makeSqlite(place('three', 'cc.sqlite'), 'first');
  expect((await admin('backup', place('three', 'saved'), ...files)).status).toBe(0);
  const again = await admin('backup', place('three', 'saved'), ...files);
  expect(again).toMatchObject({ status: 1, output: expect.stringContaining('is not empty') });

  writeFileSync(place('three', 'saved', 'blobs.tar'), 'something else');
  const broken = await admin('restore', place('three', 'saved'), '--force', ...files);
  expect(broken).toMatchObject({
    status: 1,
    output: expect.stringContaining('blobs.tar is not what was saved'),
  });
  rmSync(place('three', 'saved', 'manifest.json'));
  const unfinished = await admin('restore', place('three', 'saved'), '--force', ...files);
  expect(unfinished).toMatchObject({
    status: 1,
    output: expect.stringContaining('no backup, or an unfinished'),
  });
  expect(readSqlite(place('three', 'cc.sqlite'))).toBe('first');
}, 60_000);

test('what cannot be saved is said', async () => {
  const nothing = await admin('backup', place('none'));
  expect(nothing).toMatchObject({ status: 1, output: expect.stringContaining('nothing to save') });
  const files = configure('four', { dialect: 'sqlite', path: place('four', 'cc.sqlite') }).slice(0, 2);
  const missing = await admin('backup', place('four', 'saved'), ...files);
  expect(missing).toMatchObject({ status: 1, output: expect.stringContaining('cc.sqlite does not exist') });
  const wrong = await admin('backup', place('five'), '--controller', place('nowhere.yml'));
  expect(wrong).toMatchObject({ status: 1, output: expect.stringContaining('nowhere.yml') });
}, 60_000);

const missing = swiftMissing('the backup of a bucket');

const withStore = missing === undefined ? describe : describe.skip;
withStore('a bucket', () => {
  test('what is in a bucket is saved, and put back into a bucket or a directory', async () => {
    const store = await startSwift();
    try {
      const { accessKeyId, endpoint, region, secretAccessKey } = store;
      const credentials = { accessKeyId, secretAccessKey };
      const client = new S3Client({ endpoint, region, forcePathStyle: true, credentials });
      await client.send(new CreateBucketCommand({ Bucket: 'platform' }));
      client.destroy();
      const bucket = (prefix: string) => ({
        s3: {
          endpoint,
          bucket: 'platform',
          prefix,
          access_key_id: accessKeyId,
          secret_access_key: secretAccessKey,
          path_style: true,
        },
      });
      const opened = (config: unknown): Blobstore => createBlobstore(blobstoreConfig.parse(config));
      const content = async (config: unknown): Promise<Record<string, string>> => {
        const kept: Record<string, string> = {};
        for (const { key } of await opened(config).list())
          kept[key] = await text((await opened(config).open(key))!.body);
        return kept;
      };
      const database = { dialect: 'sqlite', path: place('cc.sqlite') };
      makeSqlite(database.path, 'rows');
      const controller = (name: string, blobstore: unknown): string[] =>
        configure(name, database, blobstore).slice(0, 2);
      const blobs = { 'droplets/app/abc': 'a droplet', 'packages/app': 'a package' };
      for (const [key, value] of Object.entries(blobs))
        await opened(bucket('one')).put(key, Readable.from([value]));

      const saved = await admin('backup', place('bucket'), ...controller('b1', bucket('one')));
      expect(saved).toMatchObject({ status: 0 });
      await opened(bucket('two')).put('packages/other', Readable.from(['later']));
      const two = controller('b2', bucket('two'));
      const refused = await admin('restore', place('bucket'), ...two);
      expect(refused).toMatchObject({ status: 1, output: expect.stringContaining('holds data') });
      const directory = { root: place('from-bucket') };
      for (const [files, where] of [
        [two, bucket('two')],
        [controller('b3', directory), directory],
      ] as const) {
        const restored = await admin('restore', place('bucket'), '--force', ...files);
        expect(restored).toMatchObject({ status: 0 });
        expect(restored.output).not.toContain(secretAccessKey);
        expect(await content(where)).toEqual(blobs);
      }
      await store.kill();
      const away = await admin('backup', place('away'), ...controller('b4', bucket('one')));
      expect(away).toMatchObject({ status: 1, output: expect.stringContaining('cannot be reached') });
      expect(saved.output + away.output).not.toContain(secretAccessKey);
    } finally {
      await store.stop();
    }
  }, 180_000);
});

function literal(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}
