import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { gatewayConfigSchema, nodeConfigShape } from '../src/index.ts';

const mbus = 'nats://127.0.0.1:4222';

describe('configuration', () => {
  it('takes a gateway with the least that it needs', () => {
    const config = gatewayConfigSchema.parse({
      mbus,
      token: 't',
      cloud_controller_uri: 'api.vcap.me',
      service: { name: 'echo', version: '1.0' },
    });
    expect(config.cloud_controller_uri).toBe('http://api.vcap.me');
    expect(config.service.plans).toEqual({ free: { free: true } });
    expect(config.import.allowed_hosts).toEqual([]);
  });

  it("takes the originals' form of the registry's place", () => {
    const schema = z.strictObject(nodeConfigShape);
    const config = schema.parse({ mbus, node_id: 'echo_node_free_0', local_db: 'sqlite3:/var/x.db' });
    expect(config.local_db).toBe('/var/x.db');
    expect(schema.safeParse({ mbus, node_id: 'a.b', local_db: 'x' }).success).toBe(false);
  });
});
