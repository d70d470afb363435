import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { tempDir, waitFor } from '@vcap/testkit';
import type { TempDir } from '@vcap/testkit';
import { connect } from 'node:tls';
import { makePair } from '../support/certificate.ts';
import { startRouter } from '../support/router-under-test.ts';
import type { RouterUnderTest } from '../support/router-under-test.ts';

let dir: TempDir;
let router: RouterUnderTest | undefined;
beforeEach(async () => {
  dir = await tempDir('router-sessions');
  makePair(dir.path, 'default', 'shop.test');
});
afterEach(async () => {
  await router?.stop();
  await dir.remove();
});

interface Visit {
  readonly reused: boolean;
  readonly fingerprint: string;
  /** To take the session up again. */
  readonly session: Buffer | undefined;
}

/** One connection that asks once, at its end. */
function visit(session?: Buffer): Promise<Visit> {
  return new Promise((resolve, reject) => {
    let next: Buffer | undefined;
    let seen: Omit<Visit, 'session'> | undefined;
    const options = { port: router?.tlsPort ?? 0, host: '127.0.0.1', servername: 'shop.test' };
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
    router = await startRouter({ dataplane: 'node', workers, tls: { port: 0, certificates: dir.path } });
    const first = await visit();
    expect(first.reused).toBe(false);
    for (let visits = 0; visits < 6; visits += 1) expect((await visit(first.session)).reused).toBe(true);
  },
  30_000,
);

test('and over a change of certificates', async () => {
  router = await startRouter({ dataplane: 'node', tls: { port: 0, certificates: dir.path } });
  const first = await visit();
  makePair(dir.path, 'default', 'shop.test');
  await waitFor(async () => (await visit()).fingerprint !== first.fingerprint, { timeoutMs: 20_000 });
  expect((await visit(first.session)).reused).toBe(true);
}, 40_000);

test('with one pair and with several, each name gets its own certificate', async () => {
  router = await startRouter({ dataplane: 'node', tls: { port: 0, certificates: dir.path } });
  const alone = await visit();
  makePair(dir.path, 'shop', 'shop.test');
  await waitFor(async () => (await visit()).fingerprint !== alone.fingerprint, { timeoutMs: 20_000 });
}, 40_000);
