import { describe, expect, test } from '@jest/globals';
import type { DeaAdvertise } from '@vcap/bus';
import { FakeClock } from '@vcap/clock';
import { DeaPool } from '../../src/instances/dea-pool.ts';

const need = { appGuid: 'app-1', stack: 'linux', runtime: 'node', memoryMb: 100, diskMb: 100 };
type Change = Partial<DeaAdvertise>;

function advert(id: string, change: Change = {}): DeaAdvertise {
  return {
    id,
    stacks: ['linux'],
    available_memory: 1000,
    available_disk: 1000,
    app_id_to_count: {},
    runtimes: [{ name: 'node', version: '24', description: '' }],
    ...change,
  };
}

function poolOf(...adverts: DeaAdvertise[]): { pool: DeaPool; clock: FakeClock } {
  const clock = new FakeClock();
  const pool = new DeaPool(clock, () => 0);
  for (const each of adverts) pool.advertise(each);
  return { pool, clock };
}
const placeMany = (pool: DeaPool, count: number): (string | undefined)[] =>
  Array.from({ length: count }, () => pool.place(need)).toSorted((left, right) =>
    String(left).localeCompare(String(right)),
  );

describe('who may be chosen', () => {
  test.each<[string, Change, string | undefined]>([
    ['exactly enough memory', { available_memory: 100 }, 'a'],
    ['too little memory', { available_memory: 99 }, undefined],
    ['too little disk', { available_disk: 99 }, undefined],
    ['another stack', { stacks: ['other'] }, undefined],
    ['a list of runtimes without the one needed', { runtimes: [] }, undefined],
    ['an id that no subject can hold', { id: 'a.b' }, undefined],
  ])('a DEA with %s', (_what, change, chosen) => {
    expect(poolOf(advert('a', change)).pool.place(need)).toBe(chosen);
  });

  test('a DEA of an older era, which tells neither stacks, disk, counts nor runtimes, is taken to fit', () => {
    const { pool } = poolOf({ id: 'a', available_memory: 100 });
    expect([pool.place(need), pool.place(need)]).toEqual(['a', undefined]);
  });

  test('an app without a runtime runs anywhere', () => {
    const { pool } = poolOf(advert('a', { runtimes: [] }));
    expect(pool.place({ ...need, runtime: null })).toBe('a');
  });

  test('an advert is worth nothing after 10 s, and a DEA that leaves is out at once', async () => {
    const { pool, clock } = poolOf(advert('a'), advert('b'));
    pool.remove('b');
    expect(pool.place(need)).toBe('a');
    await clock.advance(10_001);
    expect([pool.place(need), pool.size, pool.runtimes()]).toEqual([undefined, 0, []]);
  });
});

describe('why nobody may be chosen', () => {
  test.each<[string, Change[], string | undefined]>([
    ['no DEA', [], 'no DEA is there'],
    ['none of the runtime', [{ runtimes: [] }], 'no DEA has the runtime node on the stack linux'],
    ['none of the stack', [{ stacks: ['other'] }], 'no DEA has the runtime node on the stack linux'],
    [
      'memory only where the runtime lacks',
      [{ runtimes: [] }, { available_memory: 99 }],
      'no DEA has 100 MB of memory free',
    ],
    ['no disk', [{ available_disk: 99 }, { available_memory: 99 }], 'no DEA has 100 MB of disk free'],
    ['one that fits', [{ available_disk: 99 }, {}], undefined],
  ])('%s', (_what, changes, text) => {
    const { pool } = poolOf(...changes.map((change, index) => advert(`dea-${index}`, change)));
    expect(pool.shortage(need)).toBe(text);
  });
});

describe('who is chosen', () => {
  const cases: [string, DeaAdvertise[], string][] = [
    [
      'the zone with fewest instances of the app, though its DEA has less memory',
      [
        advert('a', { placement_properties: { zone: 'z1' }, app_id_to_count: { 'app-1': 1 } }),
        advert('b', { placement_properties: { zone: 'z1' } }),
        advert('c', { placement_properties: { zone: 'z2' }, available_memory: 150 }),
      ],
      'c',
    ],
    [
      'a full DEA counts for its zone',
      [
        advert('a', {
          placement_properties: { zone: 'z1' },
          app_id_to_count: { 'app-1': 2 },
          available_memory: 0,
        }),
        advert('b', { placement_properties: { zone: 'z1' } }),
        advert('c', { placement_properties: { zone: 'z2' }, app_id_to_count: { 'app-1': 1 } }),
      ],
      'c',
    ],
    [
      'the DEA with fewest instances of the app',
      [
        advert('a', { app_id_to_count: { 'app-1': 1 } }),
        advert('b', { app_id_to_count: { other: 9 }, available_memory: 200 }),
      ],
      'b',
    ],
    ['one of the upper half by free memory', [advert('a', { available_memory: 500 }), advert('b')], 'b'],
  ];
  test.each(cases)('%s', (_what, adverts, chosen) => {
    expect(poolOf(...adverts).pool.place(need)).toBe(chosen);
  });

  test('chance decides inside the upper half only', () => {
    const clock = new FakeClock();
    const chosen = [0, 0.5, 0.999].map((lot) => {
      const pool = new DeaPool(clock, () => lot);
      for (const [at, id] of ['a', 'b', 'c', 'd'].entries())
        pool.advertise(advert(id, { available_memory: 1000 + at }));
      return pool.place(need);
    });
    expect(chosen).toEqual(['d', 'c', 'c']);
  });
});

describe('a burst of starts', () => {
  test('spreads over the DEAs before any of them advertises again', () => {
    const { pool } = poolOf(advert('a'), advert('b'), advert('c'));
    expect(placeMany(pool, 6)).toEqual(['a', 'a', 'b', 'b', 'c', 'c']);
  });

  test('does not give the same room twice', () => {
    const { pool } = poolOf(advert('a', { available_memory: 250 }));
    expect([pool.place(need), pool.place(need), pool.place(need)]).toEqual(['a', 'a', undefined]);
  });

  test('keeps its room when an advert comes that is older than the starts', () => {
    const { pool } = poolOf(advert('a', { available_memory: 250 }));
    expect(placeMany(pool, 2)).toEqual(['a', 'a']);
    pool.advertise(advert('a', { available_memory: 250 }));
    expect(pool.place(need)).toBeUndefined();
  });

  test('counts an instance once when the advert shows it', () => {
    const { pool } = poolOf(advert('a', { available_memory: 350 }));
    expect(placeMany(pool, 2)).toEqual(['a', 'a']);
    pool.advertise(advert('a', { available_memory: 250, app_id_to_count: { 'app-1': 1 } }));
    expect([pool.place(need), pool.place(need)]).toEqual(['a', undefined]);
  });

  test('frees the room of starts that got lost after 3 s', async () => {
    const { pool, clock } = poolOf(advert('a', { available_memory: 100 }));
    expect(pool.place(need)).toBe('a');
    await clock.advance(3000);
    pool.advertise(advert('a', { available_memory: 100 }));
    expect(pool.place(need)).toBe('a');
  });
});

describe('waiting for room', () => {
  test('ends with the first advert that fits', async () => {
    const { pool, clock } = poolOf();
    const placing = pool.placeWithin(need, 3000);
    await clock.advance(1000);
    pool.advertise(advert('small', { available_memory: 1 }));
    pool.advertise(advert('a'));
    expect(await placing).toBe('a');
  });

  test('ends without one when time is up', async () => {
    const { pool, clock } = poolOf();
    const placing = pool.placeWithin(need, 3000);
    await clock.advance(3000);
    expect(await placing).toBeUndefined();
  });
});

test('runtimes of all DEAs are offered once each, by name, with the version that one of them tells', () => {
  const old = [{ name: 'python3', version: '', description: '' }];
  const full = [
    { name: 'python3', version: '3.11', description: 'Python' },
    { name: 'node', version: '24', description: 'Node' },
  ];
  const { pool } = poolOf(advert('a', { runtimes: old }), advert('b', { runtimes: full }));
  expect(pool.runtimes()).toEqual([full[1], full[0]]);
});

test('isolation is that of the weakest DEA, and nothing where none tells', () => {
  const runc = advert('a', { isolation: 'runc' });
  expect(poolOf(runc, advert('old')).pool.isolation()).toBe('runc');
  expect(poolOf(runc, advert('b', { isolation: 'process' })).pool.isolation()).toBe('process');
  expect(poolOf(advert('old')).pool.isolation()).toBeUndefined();
});
