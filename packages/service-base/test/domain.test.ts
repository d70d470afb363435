import { describe, expect, it } from '@jest/globals';
import { FakeClock } from '@vcap/clock';
import { HandleCache } from '../src/gateway/handle-cache.ts';
import { NodeDirectory } from '../src/gateway/node-directory.ts';
import { offeringOf, resolve } from '../src/gateway/offering.ts';
import { gatewayConfigSchema } from '../src/index.ts';
import { batches } from '../src/node/orphan-reporter.ts';

const config = gatewayConfigSchema.parse({
  mbus: 'nats://127.0.0.1:4222',
  token: 't',
  cloud_controller_uri: 'api.vcap.me',
  service: {
    name: 'mysql',
    version: 'current',
    plans: { free: {}, standard: { unique_id: 'id-standard', free: false } },
    supported_versions: ['8.0', '10.11'],
    version_aliases: { current: '8.0' },
    blurb: 'a database',
  },
});
const handle = (id: string, name = id) => ({ service_id: id, configuration: {}, credentials: { name } });

describe('offerings', () => {
  const { service } = config;

  it('tells each era what it knows', () => {
    const now = offeringOf(config, 'http://g:1', true);
    expect(now.label).toBe('mysql-current');
    expect(now.unique_id).toBe('core_mysql');
    expect(now.plan_details?.map(({ unique_id, free }) => [unique_id, free])).toEqual([
      ['core_mysql_free', true],
      ['id-standard', false],
    ]);
    expect(JSON.parse(now.extra ?? '')).toEqual({ listing: { blurb: 'a database' }, provider: {} });
    const old = offeringOf({ ...config, era: '2012' }, 'http://g:1', true);
    expect(Object.keys(old).toSorted()).toEqual([
      'active',
      'description',
      'label',
      'plans',
      'tags',
      'timeout',
      'url',
    ]);
    expect(offeringOf({ ...config, era: '2012' }, 'http://g:1', false)).toEqual({
      label: 'mysql-current',
      url: 'http://g:1',
      active: false,
    });
  });

  it('finds the plan and the version that are meant', () => {
    const ask = (over: object) => resolve(service, { name: 'x', plan_option: {}, ...over });
    expect(ask({ label: 'mysql-current', plan: 'standard' })).toEqual({ plan: 'standard', version: '8.0' });
    expect(ask({ unique_id: 'id-standard' })).toEqual({ plan: 'standard', version: '8.0' });
    expect(ask({ unique_id: 'core_mysql_free', plan: 'standard' })).toEqual({ plan: 'free', version: '8.0' });
    expect(ask({ unique_id: 'unknown', label: 'mysql-10.11', plan: 'free', version: '10.11' })).toEqual({
      plan: 'free',
      version: '10.11',
    });
    expect(ask({ label: 'mysql', version: null })).toEqual({ plan: 'free', version: '8.0' });
    expect(() => ask({ label: 'mysql-9', plan: 'free' })).toThrow('Unknown label');
    expect(() => ask({ unique_id: 'unknown' })).toThrow('Unknown label');
    expect(() => ask({ label: 'mysql', plan: 'constructor' })).toThrow('Unknown plan');
    expect(() => ask({ label: 'mysql', version: 'toString' })).toThrow('Unsupported version');
  });
});

describe('the directory of nodes', () => {
  const announce = (id: string, available_capacity: number, over = {}) => ({
    id,
    plan: 'free',
    available_capacity,
    capacity_unit: 1,
    supported_versions: ['1.0'],
    ...over,
  });
  const wanted = { plan: 'free', version: '1.0', overProvision: false, except: new Set<string>() };

  it('takes the freest, and counts what it gave while answers are out', () => {
    const nodes = new NodeDirectory(new FakeClock());
    nodes.heard(announce('a', 2));
    nodes.heard(announce('b', 3));
    const first = nodes.take(wanted);
    expect(first.id).toBe('b');
    nodes.heard(announce('b', 3));
    const taken = ['a', 'b', 'a', 'b'].map(() => nodes.take(wanted));
    expect(taken.map(({ id }) => id).toSorted()).toEqual(['a', 'a', 'b', 'b']);
    expect(() => nodes.take(wanted)).toThrow('no capacity left on the 2 node(s) of plan free');
    expect(nodes.take({ ...wanted, overProvision: true }).id).toMatch(/a|b/);
    first.done(false);
    first.done(false);
    expect(nodes.take(wanted).id).toBe('b');
    expect(() => nodes.take(wanted)).toThrow('no capacity');
  });

  it('counts room that came back at once, and while answers are awaited', () => {
    const nodes = new NodeDirectory(new FakeClock());
    nodes.heard(announce('a', 1));
    const first = nodes.take(wanted);
    expect(() => nodes.take(wanted)).toThrow('no capacity');
    nodes.freed('a');
    const second = nodes.take(wanted);
    // Neither may have been counted yet: one of three is left for sure.
    nodes.heard(announce('a', 3));
    nodes.take(wanted);
    expect(() => nodes.take(wanted)).toThrow('no capacity');
    for (const { done } of [first, second]) done(true);
    nodes.freed('unknown');
  });

  it('tells a missing plan from a missing version, and takes old nodes without versions', () => {
    const nodes = new NodeDirectory(new FakeClock());
    expect(() => nodes.take(wanted)).toThrow('Unknown plan free');
    nodes.heard(announce('a', 2));
    expect(() => nodes.take({ ...wanted, version: '2.0' })).toThrow('Unsupported version 2.0');
    nodes.heard({ id: 'old', available_capacity: 9 });
    expect(nodes.take({ ...wanted, version: '2.0' }).id).toBe('old');
  });

  it('forgets who was silent for five minutes', async () => {
    const clock = new FakeClock();
    const nodes = new NodeDirectory(clock);
    nodes.heard(announce('a', 2));
    await clock.advance(299_000);
    expect(nodes.all()).toHaveLength(1);
    await clock.advance(2000);
    expect(nodes.all()).toEqual([]);
  });
});

describe('the copy of the handles', () => {
  it('does not lose what happened here while a list was on its way', async () => {
    const clock = new FakeClock();
    const cache = new HandleCache(clock);
    cache.replace([handle('a'), handle('b'), handle('x', 'a')], clock.monotonic());
    expect(cache.bindingsOf('a').map(({ service_id }) => service_id)).toEqual(['x']);
    await clock.advance(10);
    const askedAt = clock.monotonic();
    await clock.advance(10);
    cache.add(handle('new'));
    cache.remove('b');
    cache.replace([handle('a'), handle('b')], askedAt);
    expect(
      cache
        .all()
        .map(({ service_id }) => service_id)
        .toSorted(),
    ).toEqual(['a', 'new']);
    await clock.advance(10);
    cache.replace([handle('a'), handle('b')], clock.monotonic());
    expect(
      cache
        .all()
        .map(({ service_id }) => service_id)
        .toSorted(),
    ).toEqual(['a', 'b', 'new']);
    await clock.advance(61_000);
    cache.replace([handle('a')], clock.monotonic());
    expect(cache.all().map(({ service_id }) => service_id)).toEqual(['a']);
  });
});

describe('reports of a node', () => {
  it('are split below the size limit, and whole', () => {
    const instances_list = Array.from({ length: 100 }, (_, index) => `d${index}`);
    const bindings_list = instances_list.map((name) => ({ name, user: 'u'.repeat(20) }));
    const parts = batches({ node_id: 'n', instances_list, bindings_list }, 500);
    expect(parts.length).toBeGreaterThan(10);
    for (const part of parts) expect(JSON.stringify(part).length).toBeLessThan(700);
    expect(parts.flatMap((part) => part.instances_list)).toEqual(instances_list);
    expect(parts.flatMap((part) => part.bindings_list)).toEqual(bindings_list);
    expect(batches({ node_id: 'n', instances_list: [], bindings_list: [] }, 500)).toHaveLength(1);
  });
});
