import { beforeEach, describe, expect, test } from '@jest/globals';
import { FakeClock } from '@vcap/clock';
import { createPick, Registry, RouteTable } from '../../src/index.ts';
import type { Endpoint, Registration } from '../../src/index.ts';
import type { Entry } from '../../src/registry/entry.ts';

let clock: FakeClock;
let registry: Registry;
let table: RouteTable;
let gone: Endpoint[];
beforeEach(() => {
  clock = new FakeClock();
  registry = new Registry({
    clock,
    pruneThresholdMs: 120_000,
    emptyRouteRetentionMs: 120_000,
    silenceMs: 60_000,
    verifyMs: 30_000,
  });
  gone = [];
  table = new RouteTable({ gone: (endpoint) => gone.push(endpoint), now: () => clock.monotonic() });
  registry.onChange((change) => table.apply(change));
});

const at = (port: number, uris: string[], more: Partial<Registration> = {}): Registration => ({
  host: '10.0.0.1',
  port,
  uris,
  ...more,
});
const addresses = (host: string): string[] => {
  const [name = '', ...path] = host.split('/');
  const found = table.find(name, `/${path.join('/')}`);
  return found?.members.map(({ facts }) => facts.address) ?? [];
};
/** What a visitor of the host gets to see. */
const kind = (host: string): 'unknown' | 'empty' | 'found' => {
  const found = table.find(host, '/');
  if (found === undefined) return 'unknown';
  return found.members.length === 0 ? 'empty' : 'found';
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
    expect(kind('elsewhere')).toBe('unknown');
  });
  test('takes the longest path, by whole segments, and never widens a path to its host', () => {
    registry.register(at(1, ['shop.test/admin']));
    registry.register(at(2, ['shop.test/admin/users/', 'pay.test']));
    expect(kind('shop.test')).toBe('unknown');
    expect(addresses('shop.test/admin')).toEqual(['10.0.0.1:1']);
    expect(addresses('shop.test/admin?users')).toEqual(['10.0.0.1:1']);
    expect(addresses('shop.test/admin/users/7')).toEqual(['10.0.0.1:2']);
    expect(addresses('shop.test/administrator')).toEqual([]);
    registry.register(at(3, ['shop.test']));
    expect(addresses('shop.test/administrator')).toEqual(['10.0.0.1:3']);
    registry.unregister(at(2, ['shop.test/admin/users']));
    expect(addresses('shop.test/admin/users/7')).toEqual([]);
  });
  test('does not hand the visitors of a known host without backends to a wildcard', () => {
    registry.register(at(1, ['*.test']));
    registry.register(at(2, ['shop.test']));
    registry.unregister(at(2, ['shop.test']));
    expect(kind('shop.test')).toBe('empty');
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
    registry.register(at(1, ['a.test', 'b.test'], { app: 'old', privateInstanceId: 'p1' }));
    registry.register(at(1, ['c.test'], owner));
    expect(kind('a.test')).toBe('empty');
    expect(kind('b.test')).toBe('empty');
    expect(addresses('c.test')).toEqual(['10.0.0.1:1']);
    expect(gone.map(({ facts }) => facts.app)).toEqual(['old']);
  });
  test('brings an endpoint back that was left aside', () => {
    registry.register(at(1, ['a.test']));
    const route = table.find('a.test', '/')!;
    const pick = createPick({ balance: 'least-connections', backendLimit: 0, slowStartMs: 0 }, () => 0);
    route.members[0]!.health = 'down';
    registry.setAside('10.0.0.1:1');
    expect(pick(route, undefined, undefined, undefined, 0)).toBeUndefined();
    registry.register(at(1, ['a.test']));
    expect(pick(route, undefined, undefined, undefined, 0)?.facts.address).toBe('10.0.0.1:1');
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
    expect(kind('a.test')).toBe('unknown');
  });
});

describe('order by the sender’s clock', () => {
  const told = (updatedAt: number, more: Partial<Registration> = {}): Registration =>
    at(1, ['a.test'], { app: 'guid', privateInstanceId: 'p', updatedAt, ...more });
  test('a register that an unregister overtook does not bring the route back', () => {
    registry.register(told(1));
    registry.unregister(told(3));
    registry.register(told(2));
    expect(kind('a.test')).toBe('empty');
    registry.register(told(4));
    expect(kind('a.test')).toBe('found');
  });
  test('the late register of a previous owner does not take the address back', () => {
    registry.register(told(5, { app: 'new', privateInstanceId: 'q' }));
    registry.register(told(2));
    expect(table.find('a.test', '/')?.members.map(({ facts }) => facts.app)).toEqual(['new']);
  });
  test('an unregister older than the register takes nothing', () => {
    registry.register(told(5));
    registry.unregister(told(4));
    expect(kind('a.test')).toBe('found');
  });
  test('senders that tell no time are taken at their word', () => {
    registry.register(told(5));
    registry.unregister(at(1, ['a.test']));
    expect(kind('a.test')).toBe('empty');
  });
  test('any order and repetition of the same news leads to the same routes', () => {
    const news: (() => void)[] = [
      () => registry.register(told(1, { uris: ['a.test'] })),
      () => registry.register(told(2, { uris: ['a.test', 'b.test'] })),
      () => registry.unregister(told(3, { uris: ['a.test'] })),
    ];
    const orders = [
      [0, 1, 2],
      [0, 2, 1],
      [1, 0, 2],
      [1, 2, 0],
      [2, 0, 1],
      [2, 1, 0],
      [2, 2, 1, 0, 1, 1],
    ];
    for (const order of orders) {
      registry = new Registry({
        clock,
        pruneThresholdMs: 120_000,
        emptyRouteRetentionMs: 120_000,
        silenceMs: 60_000,
        verifyMs: 30_000,
      });
      table = new RouteTable({ gone: () => undefined, now: () => 0 });
      registry.onChange((change) => table.apply(change));
      for (const each of order) news[each]!();
      expect([order, addresses('a.test'), addresses('b.test')]).toEqual([order, [], ['10.0.0.1:1']]);
    }
  });
});

describe('pruning', () => {
  test('drops what was not repeated for 120 s, and forgets its host later', async () => {
    registry.register(at(1, ['a.test']));
    await pass(120);
    expect(registry.prune(true)).toBe(0);
    await pass(10);
    expect(registry.prune(true)).toBe(1);
    expect(kind('a.test')).toBe('empty');
    await pass(130);
    registry.prune(true);
    expect(kind('a.test')).toBe('unknown');
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

describe('who holds an address', () => {
  const told = { dea: 'dea-1', identityPort: 9000, app: 'guid', privateInstanceId: 'p1' };
  const doubtful = (): Readonly<Entry>[] => [...registry.unvouched(clock.monotonic() - 20_000, 1)].flat();
  const health = (): string | undefined => table.endpoints.get('10.0.0.1:1')?.health;

  test('is asked when it was not registered for a while, of those who name somebody to ask', async () => {
    registry.register(at(1, ['shop.test'], told));
    registry.register(at(2, ['shop.test']));
    registry.restore(at(3, ['shop.test'], told));
    expect(doubtful().map(({ facts }) => facts.address)).toEqual(['10.0.0.1:3']);
    await clock.advance(21_000);
    expect(doubtful().map(({ facts }) => facts.address)).toEqual(['10.0.0.1:1', '10.0.0.1:3']);
    expect(doubtful()[0]?.witness).toBe(doubtful()[1]?.witness);
  });

  test('decides whether it is used; a registration brings it back', async () => {
    registry.restore(at(1, ['shop.test'], told));
    const [entry] = doubtful();
    registry.testified(entry!, clock.monotonic(), false);
    expect([health(), registry.isAside('10.0.0.1:1')]).toEqual(['down', true]);
    registry.testified(entry!, clock.monotonic(), true);
    expect([health(), doubtful()]).toEqual(['up', []]);
    await clock.advance(21_000);
    registry.testified(entry!, clock.monotonic(), false);
    registry.register(at(1, ['shop.test'], told));
    expect([health(), doubtful()]).toEqual(['up', []]);
  });

  test('an answer that comes after a registration, or about the one before, changes nothing', async () => {
    registry.restore(at(1, ['shop.test'], told));
    const [before] = doubtful();
    const asked = clock.monotonic();
    await clock.advance(10);
    registry.register(at(1, ['shop.test'], told));
    registry.testified(before!, asked, false);
    expect(health()).toBe('up');
    await clock.advance(21_000);
    registry.register(at(1, ['heir.test'], { ...told, app: 'heir', privateInstanceId: 'p2' }));
    await clock.advance(10);
    registry.testified(before!, clock.monotonic(), false);
    expect(health()).toBe('up');
  });
});
