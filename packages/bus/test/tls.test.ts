import { execFile } from 'node:child_process';
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { systemClock } from '@vcap/clock';
import { findBinary, startNats, tempDir, waitFor } from '@vcap/testkit';
import type { NatsServer, TempDir } from '@vcap/testkit';
import { pino } from 'pino';
import { Bus, deaHeartbeat, diagnose } from '../src/index.ts';
import type { BusTls } from '../src/index.ts';

const run = promisify(execFile);
/** The one that operators use. */
const script = fileURLToPath(new URL('../../../deploy/nats/certificates', import.meta.url));
const patient = { timeoutMs: 30_000 };

let dir: TempDir;
let servers: NatsServer[];
let buses: Bus[];
let logged: string;
const log = pino(
  new Writable({
    write: (chunk, _encoding, done) => {
      logged += String(chunk);
      done();
    },
  }),
);

beforeEach(async () => {
  findBinary('openssl', 'openssl');
  dir = await tempDir('bus-tls');
  [servers, buses, logged] = [[], [], ''];
  await makeCertificates('one', '127.0.0.1');
});
afterEach(async () => {
  for (const bus of buses) await bus.stop();
  for (const server of servers) await server.kill();
  await dir.remove();
});

const file = (set: string, name: string): string => join(dir.path, set, name);

async function makeCertificates(set: string, ...hosts: string[]): Promise<void> {
  await run(script, [join(dir.path, set), 'server', ...hosts]);
  await run(script, [join(dir.path, set), 'client']);
  await run('chmod', ['-R', 'a+rX', dir.path]); // the server is another user
}

async function serve(set: string, port?: number, ...more: string[]): Promise<NatsServer> {
  const keys = ['--tlscert', file(set, 'server.pem'), '--tlskey', file(set, 'server-key.pem')];
  const users = ['--user', 'dea', '--pass', 'a-password'];
  const server = await startNats({
    ...(port === undefined ? {} : { port }),
    extraArgs: ['--tls', ...keys, ...users, ...more],
  });
  servers.push(server);
  return server;
}

const verifying = (set: string): string[] => ['--tlsverify', '--tlscacert', file(set, 'ca.pem')];

function makeBus(port: number, tls?: BusTls, scheme = 'tls', host = '127.0.0.1'): Bus {
  const made = new Bus({
    servers: [`${scheme}://dea:a-password@${host}:${port}`],
    tls,
    name: 'test',
    log,
    clock: systemClock,
    pingIntervalMs: 500,
  });
  buses.push(made);
  return made;
}

const ca = (set: string): BusTls => ({ caFile: file(set, 'ca.pem') });
const all = (set: string): BusTls => ({
  ...ca(set),
  certFile: file(set, 'client.pem'),
  keyFile: file(set, 'client-key.pem'),
});

test('messages pass through TLS to a server of the right authority', async () => {
  const { port } = await serve('one');
  const [sender, listener] = [makeBus(port, ca('one')), makeBus(port, ca('one'))];
  await sender.start();
  await listener.start();
  let seen = 0;
  listener.subscribe(deaHeartbeat, () => void seen++);
  await waitFor(() => {
    sender.publish(deaHeartbeat, { dea: 'd', droplets: [] });
    return seen > 0;
  }, patient);
  // Under a name, too.
  await makeCertificates('named', 'localhost');
  const named = await serve('named');
  await makeBus(named.port, ca('named'), 'tls', 'localhost').start();
  expect(await diagnose(`tls://127.0.0.1:${port}`, ca('one'))).toBeUndefined();
});

test.each([
  ['a server of another authority', 'tls', 'two', [], /from no authority in .*two\/ca\.pem/],
  ['a server that wants a certificate', 'tls', 'one', ['verify'], /wants a certificate of ours/],
  ['a bus without TLS', 'nats', undefined, [], /it wants TLS: write tls:\/\//],
  ['no authority', 'tls', undefined, [], /from no authority in the system's list/],
] as const)('%s: no connection, and the log says why', async (_what, scheme, set, flags, why) => {
  await makeCertificates('two', '127.0.0.1');
  const { port } = await serve('one', undefined, ...(flags.length > 0 ? verifying('one') : []));
  const bus = makeBus(port, set === undefined ? undefined : ca(set), scheme);
  void bus.start();
  await waitFor(() => logged.includes('bus-unreachable'), patient);
  const { server, why: said } = JSON.parse(
    logged.split('\n').find((line) => line.includes('unreachable'))!,
  ) as {
    server: string;
    why: string;
  };
  expect(server).toBe(`127.0.0.1:${port}`);
  expect(said).toMatch(why);
  expect(bus.connected).toBe(false);
  expect(logged).not.toContain('a-password');
});

test('a certificate for another host, a strange certificate of ours and a missing file are named', async () => {
  await makeCertificates('elsewhere', '10.1.2.3');
  await makeCertificates('two', '127.0.0.1');
  const elsewhere = await serve('elsewhere');
  expect(await diagnose(`tls://127.0.0.1:${elsewhere.port}`, ca('elsewhere'))).toMatch(
    /is not for 127\.0\.0\.1/,
  );
  const { port } = await serve('one', undefined, ...verifying('one'));
  const strange = { ...all('two'), ...ca('one') };
  expect(await diagnose(`tls://127.0.0.1:${port}`, strange)).toMatch(/refuses our certificate/);
  expect(await diagnose(`tls://127.0.0.1:${port}`, all('one'))).toBeUndefined();
  expect(await diagnose(`tls://127.0.0.1:${port}`, ca('none'))).toMatch(/cannot be read: ENOENT.*none/);
  const plain = await startNats();
  servers.push(plain);
  expect(await diagnose(`tls://127.0.0.1:${plain.port}`, ca('one'))).toMatch(/offers no TLS/);
  expect(await diagnose('nats://127.0.0.1:1')).toMatch(/nobody listens there/);
});

test('certificates are replaced without a restart of the component, the authority too', async () => {
  const first = await serve('one', undefined, ...verifying('one'));
  const bus = makeBus(first.port, all('one'));
  await bus.start();
  await first.kill();
  await waitFor(() => !bus.connected, patient);
  await makeCertificates('two', '127.0.0.1');
  await serve('two', first.port, ...verifying('two'));
  await waitFor(() => logged.includes('from no authority in'), patient);
  expect(bus.connected).toBe(false);
  await cp(join(dir.path, 'two'), join(dir.path, 'one'), { recursive: true });
  await waitFor(() => bus.connected, patient);
});

test('while a platform changes over, a server takes both, and then TLS alone', async () => {
  const conf = file('one', 'both.conf');
  const tls = `tls { cert_file: "${file('one', 'server.pem')}", key_file: "${file('one', 'server-key.pem')}" }\n`;
  await writeFile(conf, `${tls}allow_non_tls: true\n`);
  const both = await startNats({ extraArgs: ['-c', conf] });
  servers.push(both);
  const [old, changed] = [makeBus(both.port, undefined, 'nats'), makeBus(both.port, ca('one'))];
  await old.start();
  await changed.start();
  await both.kill();
  await waitFor(() => !old.connected && !changed.connected, patient);
  await writeFile(conf, tls);
  servers.push(await startNats({ port: both.port, extraArgs: ['-c', conf] }));
  await waitFor(() => changed.connected, patient);
  await waitFor(() => logged.includes('it wants TLS: write tls://'), patient);
  expect(old.connected).toBe(false);
});

test('what does not fit together is refused at once', () => {
  const make = (servers: string[], tls?: BusTls) => () =>
    new Bus({ servers, tls, name: 'test', log, clock: systemClock });
  expect(make(['tls://a:1', 'nats://b:1'])).toThrow(/either all servers are tls:\/\/, or none/);
  expect(make(['nats://a:1'], ca('one'))).toThrow(/mbus_tls is for servers that are tls/);
  expect(make(['tls://a:1'], { certFile: 'x' })).toThrow(/go together/);
});
