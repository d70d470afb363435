import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { waitFor } from '@vcap/testkit';
import { plainApp } from './support/apps.ts';
import { Cluster } from './support/cluster.ts';
import { usable } from './support/usable.ts';

/** The lines of deploy/docker/small.env. */
const small = {
  VCAP_CLOUD_CONTROLLERS: '1',
  VCAP_ROUTERS: '1',
  VCAP_STAGERS: '1',
  VCAP_DEAS: '1',
  VCAP_HEALTH_MANAGERS: '1',
  VCAP_PEERS: '0',
  NATS_SERVERS: 'nats-1',
  VCAP_DEA_MEMORY_MB: '1024',
};

(usable() ? describe : describe.skip)('a cluster with one of each', () => {
  let cluster: Cluster | undefined;
  const it = (): Cluster => {
    if (!cluster) throw new Error('the cluster is not up');
    return cluster;
  };

  beforeAll(async () => {
    cluster = await Cluster.up(small);
    await cluster.login();
  });
  afterAll(async () => {
    await cluster?.down();
  });

  test('an application is pushed, scaled and deleted through the router', async () => {
    await it().ok('push', 'hello', '--path', plainApp, '-n');
    expect(await it().answer('hello')).toContain('hello');
    await it().ok('instances', 'hello', '2');
    await it().running('hello', 2);
    await it().ok('delete', 'hello', '-n');
    expect(await it().ok('apps')).not.toContain('hello');
    await waitFor(async () => (await it().get('hello'))[0] !== 200, { timeoutMs: 60_000 });
  });

  test('a container sees the secrets of its role alone', async () => {
    const of = async (service: string): Promise<string[]> =>
      (await it().compose('exec', '-T', service, 'ls', '/secrets')).trim().split('\n').toSorted();
    expect(await of('router')).toEqual(['mbus-router', 'status-password']);
    expect(await of('dea')).toEqual(['mbus-dea', 'status-password']);
  });
});
