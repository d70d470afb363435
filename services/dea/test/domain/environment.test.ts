import { describe, expect, test } from '@jest/globals';
import { buildEnvironment } from '../../src/instance/environment.ts';
import type { PortUse } from '../../src/instance/instance.ts';
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
const build = (
  change: Parameters<typeof startMessage>[0] = {},
  ports: Partial<Record<PortUse, number>> = {},
): Record<string, string> =>
  buildEnvironment({
    message: startMessage(change),
    instanceId: 'i-1',
    address: '192.0.2.17',
    ports: { port: 61_007, debugPort: 0, consolePort: 0, ...ports },
    homeDir: '/i/app',
    tmpDir: '/i/tmp',
    path: '/usr/bin',
    startedAtMs: 1_336_978_271_000,
  });

describe('the environment of an application', () => {
  test('has address, limits and directories', () => {
    expect(build()).toMatchObject({
      VCAP_APP_HOST: '0.0.0.0',
      VMC_APP_HOST: '0.0.0.0',
      CF_INSTANCE_ADDR: '192.0.2.17:61007',
      CF_INSTANCE_INDEX: '0',
      VCAP_DEBUG_IP: '',
      VCAP_DEBUG_PORT: '',
      VCAP_CONSOLE_IP: '',
      VCAP_CONSOLE_PORT: '',
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
      host: '0.0.0.0',
      application_name: 'shop',
      application_users: ['ann@example.test'],
      started_at_timestamp: 1_336_978_271,
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

  test('tells where a debugger and a console listen when they are asked for', () => {
    const env = build({ debug: 'suspend', runtime: 'node' }, { debugPort: 61_008, consolePort: 61_009 });
    expect(env).toMatchObject({
      VCAP_DEBUG_IP: '0.0.0.0',
      VCAP_DEBUG_PORT: '61008',
      VCAP_DEBUG_MODE: 'suspend',
      NODE_ARGS: '--inspect-brk=0.0.0.0:61008',
      VCAP_CONSOLE_PORT: '61009',
    });
    expect(build({ debug: 'run', runtime: 'java' }, { debugPort: 1 })['JAVA_OPTS']).toContain('suspend=n');
  });

  test.each([
    ['mysql://u:p@h/d', 'mysql2://u:p@h/d'],
    ['postgresql://h/d', 'postgres://h/d'],
    ['redis://h', undefined],
    ['constructor://h', undefined],
  ])('makes of %s the DATABASE_URL %s', (uri, expected) => {
    const services = [
      { label: 'a', credentials: { uri: 'amqp://h' } },
      { label: 'b', credentials: { uri } },
    ];
    expect(build({ services })['DATABASE_URL']).toBe(expected);
  });

  test("takes the user's entries last and leaves what a shell would read alone", () => {
    const env = build({ env: ['PORT=1', 'A=x=y', `B=$(id) 'q'`, 'C="quoted one"', 'broken', '=none'] });
    expect(env).toMatchObject({ PORT: '1', A: 'x=y', B: `$(id) 'q'`, C: 'quoted one' });
    expect(Object.keys(env)).not.toContain('broken');
  });
});
