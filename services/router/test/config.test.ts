import { expect, test } from '@jest/globals';
import { configSchema } from '../src/index.ts';

const mbus = 'nats://127.0.0.1:4222';

test('an empty file but for the bus is enough', () => {
  expect(configSchema.parse({ mbus })).toMatchObject({
    port: 8081,
    max_header_kb: 64,
    start_interval_seconds: 30,
    registry: { prune_threshold_seconds: 120, sweep_interval_seconds: 30 },
  });
});

test.each([
  ['bogus', { bogus: 1 }],
  ['port', { port: 70_000 }],
  ['timeouts.idle_seconds', { timeouts: { idle_seconds: 0 } }],
  ['registry.silence_seconds', { registry: { silence_seconds: 120 } }],
  ['max_header_kb', { max_header_kb: 0 }],
])('a wrong %s is named', (key, settings) => {
  const { error } = configSchema.safeParse({ mbus, ...settings });
  expect(error?.issues.map(({ path, message }) => `${path.join('.')} ${message}`).join()).toContain(key);
});
