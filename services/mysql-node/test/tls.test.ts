import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { findBinary, tempDir } from '@vcap/testkit';
import type { TempDir } from '@vcap/testkit';
import { createConnection } from 'mysql2/promise';
import { BenchNode, connectAs, makeWork } from './support/bench-node.ts';
import { START_LIMIT_MS, mysqlSection, startDatabases } from './support/databases.ts';
import type { TestDatabase } from './support/databases.ts';

let dir: TempDir;
let databases: TestDatabase[];
let bench: BenchNode | undefined;
const section = (tls: Record<string, unknown>, host = 'localhost'): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(mysqlSection(databases)).map(([version, server]) => [
      version,
      { ...(server as object), host, tls },
    ]),
  );

/** A certificate authority of the test's own, and a server's certificate for 127.0.0.1. */
function certificates(path: string): void {
  const openssl = (...args: string[]): void =>
    void execFileSync(findBinary('openssl', 'openssl'), args, { cwd: path, stdio: 'ignore' });
  const key = ['-newkey', 'rsa:2048', '-nodes'];
  const authority = ['-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', '/CN=test ca'];
  openssl('req', '-x509', ...key, ...authority);
  openssl('req', ...key, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=127.0.0.1');
  writeFileSync(join(path, 'ext'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
  const sign = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'ext'];
  openssl('x509', '-req', '-in', 'server.csr', '-out', 'server.pem', ...sign);
  // The servers run as nobody.
  for (const file of ['', 'server.key', 'server.pem', 'ca.pem'])
    chmodSync(join(path, file), file ? 0o644 : 0o755);
}

beforeAll(async () => {
  dir = await tempDir('vcap-tls');
  certificates(dir.path);
  const file = (name: string): string => join(dir.path, name);
  databases = await startDatabases({
    extraArgs: [
      `--ssl-ca=${file('ca.pem')}`,
      `--ssl-cert=${file('server.pem')}`,
      `--ssl-key=${file('server.key')}`,
    ],
  });
  bench = await BenchNode.start(databases, { mysql: section({ ca: file('ca.pem') }) });
}, START_LIMIT_MS);
afterAll(async () => {
  await bench?.stop();
  for (const { server } of databases ?? []) await server.stop();
  await dir?.remove();
});

test('credentials say how to check the server, and without TLS nobody comes in', async () => {
  for (const { version } of databases) {
    const { credentials } = await (bench as BenchNode).provision(version);
    expect(credentials).toMatchObject({
      tls: true,
      ca_certificate: readFileSync(join(dir.path, 'ca.pem'), 'utf8'),
    });
    await expect(connectAs(credentials)).rejects.toMatchObject({ errno: 1045 });
    const connection = await createConnection({
      uri: String(credentials['uri']),
      ssl: { ca: String(credentials['ca_certificate']) },
    });
    const [rows] = await connection.query("SHOW STATUS LIKE 'Ssl_cipher'");
    expect((rows as { Value: string }[])[0]?.Value).not.toBe('');
    await connection.end();
  }
});

test('dumps and loads go over TLS too', async () => {
  for (const { version } of databases) {
    const node = (bench as BenchNode).node;
    const instance = await (bench as BenchNode).provision(version);
    await node.load(instance, Readable.from([Buffer.from('CREATE TABLE t (a INT);\n')]), makeWork());
    const to = new PassThrough();
    const [dump] = await Promise.all([text(to), node.dump(instance, to, makeWork())]);
    expect(dump).toContain('CREATE TABLE `t`');
  }
});

test('an address is good enough where the authority is right', async () => {
  const ca = join(dir.path, 'ca.pem');
  const other = await BenchNode.start(databases, {
    node_id: 'by_address',
    mysql: section({ ca }, '127.0.0.1'),
  });
  const { version } = databases[0] as TestDatabase;
  const instance = await other.provision(version);
  const to = new PassThrough();
  await Promise.all([text(to), other.node.dump(instance, to, makeWork())]);
  await other.stop();
  expect(instance.credentials['host']).toBe('127.0.0.1');
});

test('a server with another certificate is not believed', async () => {
  const other = await tempDir('vcap-tls-other');
  certificates(other.path);
  const ca = join(other.path, 'ca.pem');
  await expect(BenchNode.start(databases, { node_id: 'other', mysql: section({ ca }) })).rejects.toThrow(
    /does not answer/,
  );
  await other.remove();
}, 40_000);
