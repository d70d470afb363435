import { beforeEach, describe, expect, test } from '@jest/globals';
import { FakeClock } from '@vcap/clock';
import { pick, Registry } from '../../src/index.ts';
import type { Endpoint, Registration } from '../../src/index.ts';

let clock: FakeClock;
let registry: Registry;
beforeEach(() => {
  clock = new FakeClock();
  registry = new Registry({
    clock,
    pruneThresholdMs: 120_000,
    emptyRouteRetentionMs: 120_000,
    silenceMs: 60_000,
  });
});

const at = (port: number, uris: string[], more: Partial<Registration> = {}): Registration => ({
  host: '10.0.0.1',
  port,
  uris,
  ...more,
});
const addresses = (host: string): string[] => {
  const found = registry.lookup(host);
  return found.kind === 'found' ? found.route.members.map(({ endpoint }) => endpoint.address) : [];
};
/** Lets time pass while some other sender keeps the bus lively. */
const pass = async (seconds: number): Promise<void> => {
  for (let passed = 0; passed < seconds; passed += 10) {
    await clock.advance(10_000);
    registry.register(at(9, ['lively.test']));
  }
};

describe('lookup', () => {
  test('ignores case of what was registered, and a port', () => {
    registry.register(at(1, ['Shop.Test:80']));
    expect(addresses('shop.test')).toEqual(['10.0.0.1:1']);
  });
  test('prefers the exact host, then the nearest wildcard', () => {
    registry.register(at(1, ['*.test']));
    registry.register(at(2, ['*.shop.test']));
    registry.register(at(3, ['a.shop.test']));
    expect(addresses('a.shop.test')).toEqual(['10.0.0.1:3']);
    expect(addresses('b.shop.test')).toEqual(['10.0.0.1:2']);
    expect(addresses('x.test')).toEqual(['10.0.0.1:1']);
    expect(registry.lookup('elsewhere').kind).toBe('unknown');
  });
  test('refuses a uri with a path instead of serving its whole host', () => {
    registry.register(at(1, ['shop.test/admin']));
    expect(registry.lookup('shop.test').kind).toBe('unknown');
  });
  test('does not hand the visitors of a known host without backends to a wildcard', () => {
    registry.register(at(1, ['*.test']));
    registry.register(at(2, ['shop.test']));
    registry.unregister(at(2, ['shop.test']));
    expect(registry.lookup('shop.test').kind).toBe('empty');
  });
});

describe('registering', () => {
  test('twice is the same as once', () => {
    registry.register(at(1, ['a.test', 'b.test']));
    registry.register(at(1, ['a.test', 'b.test']));
    expect(addresses('a.test')).toEqual(['10.0.0.1:1']);
    expect(registry.endpointCount).toBe(1);
  });
  test.each([
    ['app', { app: 'other' }],
    ['instance', { app: 'old', privateInstanceId: 'p2' }],
  ])('an address by another %s drops the old owner everywhere', (_what, owner) => {
    const gone: Endpoint[] = [];
    registry.onEndpointGone((endpoint) => gone.push(endpoint));
    registry.register(at(1, ['a.test', 'b.test'], { app: 'old', privateInstanceId: 'p1' }));
    registry.register(at(1, ['c.test'], owner));
    expect(registry.lookup('a.test').kind).toBe('empty');
    expect(registry.lookup('b.test').kind).toBe('empty');
    expect(addresses('c.test')).toEqual(['10.0.0.1:1']);
    expect(gone.map(({ app }) => app)).toEqual(['old']);
  });
  test('brings an endpoint back that was left aside', () => {
    registry.register(at(1, ['a.test']));
    const found = registry.lookup('a.test');
    if (found.kind !== 'found') throw new Error('not found');
    found.route.members[0]!.endpoint.health = 'down';
    expect(pick(found.route, new Set())).toBeUndefined();
    registry.register(at(1, ['a.test']));
    expect(pick(found.route, new Set())?.address).toBe('10.0.0.1:1');
  });
});

describe('unregistering', () => {
  test('takes only the named uris', () => {
    registry.register(at(1, ['a.test', 'b.test']));
    registry.unregister(at(1, ['a.test']));
    expect(addresses('a.test')).toEqual([]);
    expect(addresses('b.test')).toEqual(['10.0.0.1:1']);
  });
  test('late, by the previous owner of the address, takes nothing', () => {
    registry.register(at(1, ['a.test'], { app: 'new', privateInstanceId: 'p2' }));
    registry.unregister(at(1, ['a.test'], { app: 'old', privateInstanceId: 'p1' }));
    expect(addresses('a.test')).toEqual(['10.0.0.1:1']);
  });
  test('of what is unknown does nothing', () => {
    registry.unregister(at(1, ['a.test']));
    expect(registry.lookup('a.test').kind).toBe('unknown');
  });
});

describe('pruning', () => {
  test('drops what was not repeated for 120 s, and forgets its host later', async () => {
    registry.register(at(1, ['a.test']));
    await pass(120);
    expect(registry.prune(true)).toBe(0);
    await pass(10);
    expect(registry.prune(true)).toBe(1);
    expect(registry.lookup('a.test').kind).toBe('empty');
    await pass(130);
    registry.prune(true);
    expect(registry.lookup('a.test').kind).toBe('unknown');
    expect(addresses('lively.test')).toEqual(['10.0.0.1:9']);
  });
  test('does nothing while the bus is away', async () => {
    registry.register(at(1, ['a.test']));
    await pass(500);
    expect(registry.prune(false)).toBe(0);
    expect(addresses('a.test')).toEqual(['10.0.0.1:1']);
  });
  test('does nothing while a connected bus is silent, nor at the first message after', async () => {
    registry.register(at(1, ['a.test']));
    await clock.advance(86_400_000);
    expect(registry.prune(true)).toBe(0);
    registry.register(at(2, ['b.test']));
    expect(registry.prune(true)).toBe(0);
    expect(addresses('a.test')).toEqual(['10.0.0.1:1']);
  });
  test('counts from the return of the bus', async () => {
    registry.register(at(1, ['a.test']));
    await pass(110);
    registry.refreshAll();
    await pass(110);
    expect(registry.prune(true)).toBe(0);
    await pass(20);
    expect(registry.prune(true)).toBe(1);
  });
});

describe('choosing', () => {
  const route = () => {
    for (const port of [1, 2, 3]) registry.register(at(port, ['a.test'], { privateInstanceId: `p${port}` }));
    const found = registry.lookup('a.test');
    if (found.kind !== 'found') throw new Error('not found');
    return found.route;
  };
  test('takes turns among equals', () => {
    const shared = route();
    const ports = [1, 2, 3, 4].map(() => pick(shared, new Set())?.port);
    expect(ports).toEqual([1, 2, 3, 1]);
  });
  test('takes the least loaded', () => {
    const shared = route();
    shared.members[0]!.endpoint.active = 3;
    shared.members[1]!.endpoint.active = 1;
    shared.members[2]!.endpoint.active = 2;
    expect([1, 2].map(() => pick(shared, new Set())?.port)).toEqual([2, 2]);
  });
  test('obeys the sticky id while that instance is up and untried', () => {
    const shared = route();
    const sticky = pick(shared, new Set(), 'p3')!;
    expect(sticky.port).toBe(3);
    expect(pick(shared, new Set([sticky]), 'p3')?.port).not.toBe(3);
    sticky.health = 'down';
    expect(pick(shared, new Set(), 'p3')?.port).not.toBe(3);
    expect(pick(shared, new Set(), 'unheard-of')).toBeDefined();
  });
  test('gives none more than the limit, a sticky one neither', () => {
    const shared = route();
    for (const { endpoint } of shared.members) endpoint.active = 2;
    shared.members[1]!.endpoint.active = 1;
    expect(pick(shared, new Set(), 'p3', 2)?.port).toBe(2);
    shared.members[1]!.endpoint.active = 2;
    expect(pick(shared, new Set(), 'p3', 2)).toBeUndefined();
  });
  test('uses a suspect only when nothing better is left', () => {
    const shared = route();
    shared.members[0]!.endpoint.health = 'suspect';
    shared.members[1]!.endpoint.health = 'down';
    expect([1, 2, 3].map(() => pick(shared, new Set())?.port)).toEqual([3, 3, 3]);
    expect(pick(shared, new Set([shared.members[2]!.endpoint]))?.port).toBe(1);
  });
});
