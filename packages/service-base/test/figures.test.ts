import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { SqliteRegistry } from '../src/node/sqlite-registry.ts';
import { EchoScene, request } from './support/scene.ts';

let scene: EchoScene;
beforeEach(async () => {
  scene = await EchoScene.start();
});
afterEach(async () => {
  await scene.end();
});

it('answers 200 provisions at once, none lost and none doubled', async () => {
  const node = await scene.node();
  const { client } = await scene.gateway();
  const made = await Promise.all(Array.from({ length: 200 }, () => client.provision(request)));
  expect(new Set(made.map(({ service_id }) => service_id)).size).toBe(200);
  expect(node.varz()).toMatchObject({ available_capacity: 0, provision_served: 200 });
});

it('starts with 5,000 instances and knows what is left', async () => {
  const path = join(scene.dir, 'node_0.db');
  const registry = new SqliteRegistry(path);
  registry.open();
  registry.close();
  const database = new DatabaseSync(path);
  database.exec(`
    WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 5000)
    INSERT INTO instances
    SELECT 'e' || n, 'free', '1.0', json_object('name', 'e' || n, 'user', 'u', 'password', 'p'), '{}', 'ready'
    FROM numbers
  `);
  database.close();
  const node = await scene.node({ capacity: 6000 });
  expect(node.varz()['available_capacity']).toBe(1000);
});
