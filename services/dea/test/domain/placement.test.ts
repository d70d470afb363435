import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { FakeClock } from '@vcap/clock';
import { refusal } from '../../src/placement/admission.ts';
import { PortPool, isFree } from '../../src/placement/port-pool.ts';
import { startMessage } from '../fixtures.ts';

const capacity = {
  memoryMb: 1024,
  diskMb: 1024,
  reservedMemoryMb: 896,
  reservedDiskMb: 768,
  runtimes: new Set(['node']),
  shuttingDown: false,
};

describe('admission', () => {
  test('takes what just fits', () => {
    expect(refusal(startMessage({ runtime: 'node' }), capacity)).toBeUndefined();
  });

  test.each([
    [startMessage({ limits: { mem: 129, disk: 1, fds: 1 } }), 'not enough memory: 129 MB asked, 128 MB free'],
    [startMessage({ limits: { mem: 1, disk: 257, fds: 1 } }), 'not enough disk: 257 MB asked, 256 MB free'],
    [startMessage({ runtime: 'cobol' }), 'runtime cobol is not available'],
    [startMessage({ sha1: null }), 'no droplet: sha1 is missing or malformed'],
    [startMessage({ sha1: '../../etc/passwd' }), 'no droplet: sha1 is missing or malformed'],
    [startMessage({ executableUri: null }), 'no droplet: executableUri is missing'],
  ])('refuses and names the reason (%#)', (message, why) => {
    expect(refusal(message, capacity)).toBe(why);
  });
});

describe('the port pool', () => {
  test('gives each port once and lets a returned one rest', async () => {
    const clock = new FakeClock();
    const pool = new PortPool(clock, { first: 5001, last: 5003 }, 5000);
    expect([pool.take(), pool.take(), pool.take(), pool.take()]).toEqual([5001, 5002, 5003, undefined]);
    pool.release(5002);
    expect(pool.take()).toBeUndefined();
    await clock.advance(5000);
    expect(pool.take()).toBe(5002);
  });

  test('goes on where the one before it was, and begins anew where that is out of its range', () => {
    const [range, clock] = [{ first: 5001, last: 5003 }, new FakeClock()];
    const before = new PortPool(clock, range, 5000);
    before.take();
    const next = new PortPool(clock, range, 5000, before.nextPort);
    expect([next.take(), next.take(), next.take()]).toEqual([5002, 5003, 5001]);
    expect(new PortPool(clock, range, 5000, 6000).take()).toBe(5001);
  });

  test('sees that somebody else listens on a port', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    expect(await isFree(port)).toBe(false);
    await new Promise((resolve) => server.close(resolve));
    expect(await isFree(port)).toBe(true);
  });
});
