import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { samplePath } from '@vcap/samples';
import { applications, components } from './support/faults.ts';
import { Platform } from './support/platform.ts';
import { isAlive, portsOf, processesOf } from './support/processes.ts';

let platform: Platform;

beforeAll(async () => {
  platform = await Platform.create();
  await platform.start();
  await platform.login();
  await platform.ok('push', 'hello', '--path', samplePath('node-hello'), '-n');
  await platform.up('hello');
}, 120_000);
afterAll(() => platform.remove(), 90_000);

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });

describe('the end of a cluster', () => {
  test('a killed npm start is cleaned up after by the next one, which works', async () => {
    const before = [...(await components(platform)).values()];
    expect(before.length).toBeGreaterThanOrEqual(7);
    await platform.killOwner();
    expect(before.filter(isAlive)).toHaveLength(before.length);
    await platform.start();
    expect(before.filter(isAlive)).toEqual([]);
    const now = await components(platform);
    expect([...now.keys()].sort()).toEqual(before.map(({ name }) => name).sort());
    // What changed a moment ago is started by the health manager after a while only: not waited for here.
    await platform.ok('restart', 'hello');
    expect((await platform.up('hello')).status).toBe(200);
    expect(applications(platform)).toHaveLength(1);
  }, 180_000);

  test('a second npm start in the same directory is refused and harms nothing', async () => {
    const before = [...(await components(platform)).values()];
    await expect(platform.start()).rejects.toThrow(/already runs/);
    expect(before.filter(isAlive)).toHaveLength(before.length);
    expect((await platform.get('hello')).status).toBe(200);
  }, 60_000);

  test('after Ctrl-C there is no process and no port', async () => {
    const ports = [...(await components(platform)).values()].flatMap(portsOf);
    expect(ports).toContain(platform.port);
    const printed = await platform.stop();
    expect(printed).not.toMatch(/was killed/);
    expect(processesOf(platform.home)).toEqual([]);
    for (const port of ports) expect([port, await listens(port)]).toEqual([port, false]);
  }, 120_000);
});
