import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { freePort, startNats, startRedis, startSwift, swiftMissing, tempDir } from '@vcap/testkit';
import type { NatsServer, RedisServer, S3Server, TempDir } from '@vcap/testkit';
import { serviceChecks } from '../src/index.ts';
import { echoService } from './support/echo.ts';

const none = 'nats://127.0.0.1:1';
const missing = swiftMissing('snapshots in an object store');

(missing === undefined ? describe : describe.skip)('snapshots and migration through an object store', () => {
  let nats: NatsServer;
  let redis: RedisServer;
  let store: S3Server;
  const dirs: TempDir[] = [];
  beforeAll(async () => {
    [nats, redis, store] = await Promise.all([startNats(), startRedis(), startSwift()]);
    const { accessKeyId, endpoint, region, secretAccessKey } = store;
    const credentials = { accessKeyId, secretAccessKey };
    const admin = new S3Client({ endpoint, region, forcePathStyle: true, credentials });
    await admin.send(new CreateBucketCommand({ Bucket: 'services' }));
    admin.destroy();
  }, 120_000);
  afterAll(async () => {
    await Promise.all([nats?.stop(), redis?.stop(), store?.stop()]);
    for (const dir of dirs) await dir.remove();
  });

  const echo = { nats: none, dir: '/nowhere', ports: [1, 2] as const };
  const others = new Set(serviceChecks(echoService(echo)).map(({ name }) => name));
  const names = serviceChecks(echoService({ ...echo, redis: 'redis://127.0.0.1:1' })).map(({ name }) => name);
  const verify = async (name: string): Promise<void> => {
    const ports = [await freePort(), await freePort()] as const;
    const dir = await tempDir('vcap-echo-s3');
    dirs.push(dir);
    const service = echoService({ nats: nats.url, redis: redis.url, dir: dir.path, ports });
    const s3 = {
      endpoint: store.endpoint,
      bucket: 'services',
      prefix: `test-${dirs.length}`,
      path_style: true,
      access_key_id: store.accessKeyId,
      secret_access_key: store.secretAccessKey,
    };
    await serviceChecks({ ...service, s3 })
      .find((check) => check.name === name)
      ?.run();
  };
  // Those that need no blobs are the same with a directory.
  it.each(names.filter((name) => !others.has(name)))(
    '%s',
    async (name) => {
      await verify(name);
    },
    180_000,
  );
});
