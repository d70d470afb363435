import { join } from 'node:path';
import { connect } from 'node:tls';
import { makePair as makeFiles } from '../test/support/certificate.ts';
import { cpuMicros, tree } from './tools.ts';

/** A certificate for 127.0.0.1 as most are today, and its key, in PEM files. */
export interface Pair {
  readonly certificate: string;
  readonly key: string;
}

/** Makes one in a directory, as the router's default. */
export function makePair(directory: string): Pair {
  makeFiles(directory, 'default', '127.0.0.1');
  return { certificate: join(directory, 'default.crt'), key: join(directory, 'default.key') };
}

const loops = 32;

/** Microseconds of CPU for a connection that takes up the session of the last one, asks once and is closed. */
export async function resumedMicros(
  peer: { pid: number; tlsPort: number },
  seconds: number,
): Promise<{ micros: number; resumed: number }> {
  const end = performance.now() + seconds * 1000;
  let [count, resumed] = [0, 0];
  const one = (session: Buffer | undefined): Promise<Buffer | undefined> =>
    new Promise((resolve, reject) => {
      let next = session;
      const socket = connect({ port: peer.tlsPort, host: '127.0.0.1', rejectUnauthorized: false, session });
      socket.on('session', (ticket) => (next = ticket));
      socket.once('secureConnect', () => {
        resumed += socket.isSessionReused() ? 1 : 0;
        socket.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n');
      });
      socket.on('error', reject);
      socket.on('close', () => resolve(next));
      socket.resume();
    });
  let sessions = await Promise.all(Array.from({ length: loops }, () => one(undefined)));
  const pids = tree(peer.pid);
  const before = cpuMicros(pids);
  resumed = 0;
  sessions = await Promise.all(
    sessions.map(async (first) => {
      let session = first;
      while (performance.now() < end) {
        session = await one(session);
        count += 1;
      }
      return session;
    }),
  );
  return { micros: (cpuMicros(pids) - before) / Math.max(1, count), resumed: resumed / Math.max(1, count) };
}
