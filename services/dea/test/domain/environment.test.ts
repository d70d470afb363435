import { describe, expect, test } from '@jest/globals';
import { buildEnvironment } from '../../src/instance/environment.ts';
import { startMessage } from '../fixtures.ts';

const redis = {
  name: 'cache',
  type: 'key-value',
  label: 'redis-2.2',
  vendor: 'redis',
  version: '2.2',
  tags: ['redis'],
  plan: 'free',
  plan_option: null,
  credentials: { hostname: '192.0.2.3', port: 5000, password: `a'b"c$d` },
};
const build = (change: Parameters<typeof startMessage>[0] = {}): Record<string, string> =>
  buildEnvironment({
    message: startMessage(change),
    instanceId: 'i-1',
    host: '192.0.2.17',
    port: 61_007,
    homeDir: '/i/app',
    tmpDir: '/i/tmp',
    path: '/usr/bin',
    startedAtMs: 1_336_978_271_000,
  });

describe('the environment of an application', () => {
  test('has address, limits and directories', () => {
    expect(build()).toMatchObject({
      VCAP_APP_HOST: '192.0.2.17',
      VCAP_APP_PORT: '61007',
      VMC_APP_PORT: '61007',
      PORT: '61007',
      HOME: '/i/app',
      TMPDIR: '/i/tmp',
      MEMORY_LIMIT: '128m',
      PATH: '/usr/bin',
      VMC_APP_ID: 'i-1',
      VMC_APP_NAME: 'shop',
    });
  });

  test('describes the instance in VCAP_APPLICATION, with quotas in bytes', () => {
    expect(
      JSON.parse(build({ runtime: 'node', users: ['ann@example.test'] })['VCAP_APPLICATION'] ?? ''),
    ).toMatchObject({
      instance_id: 'i-1',
      instance_index: 0,
      name: 'shop',
      uris: ['shop.example.test'],
      users: ['ann@example.test'],
      version: 'v1',
      start: '2012-05-14 06:51:11 +0000',
      runtime: 'node',
      state_timestamp: 1_336_978_271,
      port: 61_007,
      limits: { fds: 256, mem: 134_217_728, disk: 268_435_456 },
      host: '192.0.2.17',
    });
  });

  test('gives services by label without nulls, the old list, and an address per vendor', () => {
    const env = build({ services: [redis] });
    const { name, label, plan, tags, credentials } = redis;
    expect(JSON.parse(env['VCAP_SERVICES'] ?? '')).toEqual({
      'redis-2.2': [{ name, label, plan, tags, credentials }],
    });
    expect(JSON.parse(env['VMC_SERVICES'] ?? '')).toEqual([
      {
        name: 'cache',
        type: 'key-value',
        vendor: 'redis',
        version: '2.2',
        tier: 'free',
        options: credentials,
      },
    ]);
    expect(env['VMC_REDIS']).toBe('192.0.2.3:5000');
  });

  test("takes the user's entries last and leaves what a shell would read alone", () => {
    const env = build({ env: ['PORT=1', 'A=x=y', `B=$(id) 'q'`, 'C="quoted one"', 'broken', '=none'] });
    expect(env).toMatchObject({ PORT: '1', A: 'x=y', B: `$(id) 'q'`, C: 'quoted one' });
    expect(Object.keys(env)).not.toContain('broken');
  });
});
