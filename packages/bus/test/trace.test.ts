import { expect, test } from '@jest/globals';
import { fromTraceparent, newTrace, routerRegister, stagingStart, toTraceparent } from '../src/index.ts';

test('a traceparent is read back as it was written', () => {
  const trace = newTrace();
  expect(fromTraceparent(toTraceparent(trace))).toEqual(trace);
  expect(fromTraceparent('garbage')).toBeUndefined();
});

test('numeric ids of the first era are read as strings', () => {
  const read = routerRegister.schema.parse({ host: '192.0.2.1', port: 80, uris: ['a'], app: 42, tags: null });
  expect(read).toMatchObject({ app: '42', tags: {} });
});

test('a word that NATS would read as several is refused', () => {
  expect(() => stagingStart.for('a.b')).toThrow(TypeError);
});
