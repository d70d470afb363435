import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { startNats, tempDir, waitFor } from '@vcap/testkit';
import type { NatsServer, TempDir } from '@vcap/testkit';
import { connect } from 'node:tls';
import { makePair } from '../support/certificate.ts';
import { startRouterProcess } from '../support/router-process.ts';
import type { RouterProcess } from '../support/router-process.ts';

let dir: TempDir;
let nats: NatsServer;
let router: RouterProcess | undefined;
beforeEach(async () => {
  nats = await startNats();
  dir = await tempDir('router-sessions');
  makePair(dir.path, 'default', 'shop.test');
});
afterEach(async () => {
  await router?.stop();
  await nats.stop();
  await dir.remove();
});

const start = async (workers: number): Promise<void> => {
  router = await startRouterProcess(nats.url, { workers, tls: { port: 0, certificates: dir.path } });
};
const tlsPort = (): number =>
  Number(/"event":"listening-tls","port":(\d+)/.exec(router?.process.output() ?? '')?.[1]);

interface Visit {
  readonly reused: boolean;
  readonly fingerprint: string;
  /** To take the session up again. */
  readonly session: Buffer | undefined;
}

/** One connection that asks once, at its end. */
function visit(servername = 'shop.test', session?: Buffer): Promise<Visit> {
  return new Promise((resolve, reject) => {
    let next: Buffer | undefined;
    let seen: Omit<Visit, 'session'> | undefined;
    const options = { port: tlsPort(), host: '127.0.0.1', servername };
    const socket = connect({ ...options, session, rejectUnauthorized: false }, () => {
      seen = { reused: socket.isSessionReused(), fingerprint: socket.getPeerCertificate().fingerprint256 };
      socket.end('GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n');
    });
    socket.on('session', (ticket: Buffer) => (next = ticket));
    socket.on('error', reject);
    socket.on('close', () =>
      seen === undefined ? reject(new Error('cut')) : resolve({ ...seen, session: next }),
    );
    socket.resume();
  });
}

test.each([0, 2])(
  'a session goes on with any of %i workers',
  async (workers) => {
    await start(workers);
    const first = await visit();
    expect(first.reused).toBe(false);
    for (let visits = 0; visits < 6; visits += 1)
      expect((await visit('shop.test', first.session)).reused).toBe(true);
  },
  30_000,
);

test('and over a change of certificates', async () => {
  await start(0);
  const first = await visit();
  makePair(dir.path, 'default', 'shop.test');
  await waitFor(async () => (await visit()).fingerprint !== first.fingerprint, { timeoutMs: 20_000 });
  expect((await visit('shop.test', first.session)).reused).toBe(true);
}, 60_000);

test('with one pair and with several, each name gets its own certificate', async () => {
  await start(0);
  const alone = await visit();
  makePair(dir.path, 'shop', 'shop.test');
  await waitFor(async () => (await visit()).fingerprint !== alone.fingerprint, { timeoutMs: 20_000 });
  expect((await visit('other.test')).fingerprint).toBe(alone.fingerprint);
}, 60_000);
