import assert from 'node:assert/strict';
import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { gatewayPaths } from '@vcap/service-api';
import type { Job, SerializedUrl, SnapshotList } from '@vcap/service-api';
import { request } from 'undici';
import { openArchive } from '../jobs/archive.ts';
import type { NodeConfig } from '../node/config.ts';
import { Scene } from './contract.ts';
import type { Check, ServiceUnderTest } from './contract.ts';
import { eventually, refused } from './tools.ts';

/** Snapshots, export and import; needs `redis`, `blobstore` and `data`. */
export function snapshotChecks<C extends NodeConfig>(service: ServiceUnderTest<C>): Check[] {
  const { redis, blobstore, s3, data } = service;
  if (redis === undefined || blobstore === undefined || data === undefined) return [];
  const common = { redis: { uri: redis }, blobstore: s3 === undefined ? { root: blobstore } : { s3 } };
  const backups = `${blobstore}-backups`;
  const lifecycle = { snapshot: { quota: 2 }, serialization: 'enable', job: 'enable' };
  const over = {
    node: { ...common, backup_dirs: [backups] },
    gateway: {
      ...common,
      import: { max_bytes: 10_000_000 },
      plan_management: { plans: { free: { lifecycle } } },
    },
  };
  const check = (name: string, play: (scene: Scene<C>) => Promise<void>): Check => ({
    name,
    run: () => Scene.run(service, over, play),
  });
  const finished = (scene: Scene<C>, id: string, job: Job): Promise<Job> =>
    eventually(
      `the job "${job.description}" to end`,
      async () => {
        const now = await scene.gateway.client.job('GET', gatewayPaths.job(id, job.job_id));
        return now.status === 'completed' || now.status === 'failed' ? now : undefined;
      },
      30_000,
    );
  const done = async (scene: Scene<C>, id: string, job: Job): Promise<Record<string, unknown>> => {
    const end = await finished(scene, id, job);
    assert.equal(end.status, 'completed', JSON.stringify(end.result));
    return end.result ?? {};
  };
  const list = async (scene: Scene<C>, id: string): Promise<SnapshotList['snapshots']> =>
    ((await scene.gateway.client.call('GET', gatewayPaths.snapshots(id))) as SnapshotList).snapshots;

  return [
    check('brings data back from a snapshot', async (scene) => {
      const { client } = scene.gateway;
      const { service_id: id, credentials } = await scene.provision();
      await data.write(credentials, 'before');
      const job = await client.job('POST', gatewayPaths.snapshots(id));
      assert.match(job.status, /queued|working/);
      const snapshot = await done(scene, id, job);
      assert.deepEqual(Object.keys(snapshot).toSorted(), ['date', 'name', 'size', 'snapshot_id']);
      const snapshotId = String(snapshot['snapshot_id']);
      await data.write(credentials, 'after');
      assert.deepEqual(
        await done(scene, id, await client.job('PUT', gatewayPaths.snapshot(id, snapshotId))),
        {
          result: 'ok',
        },
      );
      assert.equal(await data.read(credentials), 'before');
      await client.call('POST', gatewayPaths.snapshotName(id, snapshotId), { name: 'mine "ü"' });
      assert.deepEqual(await client.call('GET', gatewayPaths.snapshot(id, snapshotId)), {
        ...snapshot,
        name: 'mine "ü"',
      });
      await done(scene, id, await client.job('DELETE', gatewayPaths.snapshot(id, snapshotId)));
      assert.deepEqual(await list(scene, id), []);
      await refused(client.call('PUT', gatewayPaths.snapshot(id, snapshotId)), 30300);
    }),
    check('keeps the quota of snapshots, one job after the other', async (scene) => {
      const { client } = scene.gateway;
      const { service_id: id } = await scene.provision();
      const jobs = await Promise.all([1, 2, 3].map(() => client.job('POST', gatewayPaths.snapshots(id))));
      const ends = await Promise.all(jobs.map((job) => finished(scene, id, job)));
      const failed = ends.filter(({ status }) => status === 'failed');
      assert.equal(failed.length, 1);
      assert.equal(failed[0]?.result?.['code'], 30800);
      assert.equal((await list(scene, id)).length, 2);
      const other = await scene.provision();
      await refused(client.call('GET', gatewayPaths.job(other.service_id, jobs[0]?.job_id ?? '')), 30300);
    }),
    check('carries data to another instance by URL and inside a request', async (scene) => {
      const { client } = scene.gateway;
      const [from, to] = [await scene.provision(), await scene.provision()];
      await data.write(from.credentials, 'carried');
      const made = await done(
        scene,
        from.service_id,
        await client.job('POST', gatewayPaths.snapshots(from.service_id)),
      );
      const snapshotId = String(made['snapshot_id']);
      const urlPath = gatewayPaths.serializedUrl(from.service_id, snapshotId);
      await refused(client.call('GET', urlPath), 30300);
      const { url } = (await done(
        scene,
        from.service_id,
        await client.job('POST', urlPath),
      )) as SerializedUrl;
      assert.deepEqual(await client.call('GET', urlPath), { url });
      const wrong = await request(`${url}x`);
      assert.equal(wrong.statusCode, 403);
      await wrong.body.dump();
      const imported = await done(
        scene,
        to.service_id,
        await client.job('PUT', gatewayPaths.importUrl(to.service_id), { url }),
      );
      const path = gatewayPaths.snapshot(to.service_id, String(imported['snapshot_id']));
      await done(scene, to.service_id, await client.job('PUT', path));
      assert.equal(await data.read(to.credentials), 'carried');

      const file = Buffer.from(await (await request(url)).body.arrayBuffer());
      const third = await scene.provision();
      const inline = await client.job('PUT', gatewayPaths.importData(third.service_id), {
        data: file.toString('base64'),
      });
      const again = await done(scene, third.service_id, inline);
      const roll = gatewayPaths.snapshot(third.service_id, String(again['snapshot_id']));
      await done(scene, third.service_id, await client.job('PUT', roll));
      assert.equal(await data.read(third.credentials), 'carried');
    }),
    check('imports nothing foreign and nothing broken', async (scene) => {
      const { client } = scene.gateway;
      const { service_id: id, credentials } = await scene.provision();
      await data.write(credentials, 'safe');
      for (const url of [
        'http://169.254.169.254/latest',
        'http://localhost:1/x',
        'http://127.0.0.1:1/x',
        'http://u:p@127.0.0.1/x',
      ]) {
        await refused(client.call('PUT', gatewayPaths.importUrl(id), { url }), 30001);
      }
      await refused(client.call('PUT', gatewayPaths.importUrl(id), { url: 'file:///etc/passwd' }), 30001);
      const junk = Buffer.from('this is no zip').toString('base64');
      const job = await client.job('PUT', gatewayPaths.importData(id), { data: junk });
      const end = await finished(scene, id, job);
      assert.equal(end.status, 'failed');
      assert.equal(end.result?.['code'], 30806);
      assert.deepEqual(await list(scene, id), []);
      assert.equal(await data.read(credentials), 'safe');
    }),
    check('takes the snapshots of a deleted instance along', async (scene) => {
      const { client } = scene.gateway;
      const { service_id: id } = await scene.provision();
      await done(scene, id, await client.job('POST', gatewayPaths.snapshots(id)));
      await client.unprovision(id);
      await eventually('the snapshots to go', async () => (await list(scene, id)).length === 0);
    }),
    check(
      "restores an operator's backup, and with the node lost makes the instance again elsewhere",
      async (scene) => {
        const { client } = scene.gateway;
        const { service_id: id, credentials } = await scene.provision();
        const bound = await scene.bind(id);
        await data.write(credentials, 'backed up');
        const made = await done(scene, id, await client.job('POST', gatewayPaths.snapshots(id)));
        const urlPath = gatewayPaths.serializedUrl(id, String(made['snapshot_id']));
        const { url } = (await done(scene, id, await client.job('POST', urlPath))) as SerializedUrl;
        await mkdir(backups, { recursive: true });
        const zip = join(backups, `${id}.zip`);
        await writeFile(zip, Buffer.from(await (await request(url)).body.arrayBuffer()));
        const archive = await openArchive(zip);
        const file = join(backups, `${id}${scene.node.node.dumpSuffix}.gz`);
        await pipeline(await archive.content(), createWriteStream(file));
        archive.close();

        await data.write(credentials, 'later');
        const asked = { instance_id: id, backup_path: backups };
        await refused(client.call('POST', gatewayPaths.restore, { ...asked, backup_path: '/etc' }), 30300);
        await client.call('POST', gatewayPaths.restore, asked);
        assert.equal(await data.read(credentials), 'backed up');

        await scene.stage.node({ node_id: 'node_1', ...common, backup_dirs: [backups] });
        await scene.ready(scene.gateway, 2);
        await scene.node.stop();
        await client.call('POST', gatewayPaths.recover, asked);
        const now = [id, bound.service_id].map(
          (each) => scene.stage.controller.handles.get(each)?.credentials,
        );
        assert.equal(now[0]?.['node_id'], 'node_1');
        for (const each of now) assert.ok(await service.works(each as typeof credentials));
        assert.equal(await data.read(now[0] as typeof credentials), 'backed up');
      },
    ),
    check('moves an instance to another node', async (scene) => {
      const { client } = scene.gateway;
      const { service_id: id, credentials } = await scene.provision();
      const bound = await scene.bind(id);
      await data.write(credentials, 'moved');
      const target = await scene.stage.node({ node_id: 'node_1', ...common });
      await scene.ready(scene.gateway, 2);
      const step = (node: string, action: string): Promise<unknown> =>
        client.call('POST', gatewayPaths.migration(node, id, action), {});
      const first = await step('node_0', 'disable').then(
        () => undefined,
        (error: { code?: number }) => error,
      );
      // A service without `disable` says so.
      if (first?.code === 30501) return;
      assert.equal(first, undefined);
      assert.equal(await service.works(credentials), false);
      assert.equal(await service.works(bound.credentials), false);
      await step('node_1', 'import');
      await step('node_1', 'update');
      await step('node_0', 'unprovision');
      await step('node_0', 'cleanupnfs');
      await step('node_1', 'check');
      assert.deepEqual(await client.call('GET', gatewayPaths.nodeInstances('node_1')), [id]);
      const now = scene.stage.controller.handles;
      const [instance, binding] = [now.get(id), now.get(bound.service_id)].map(
        (handle) => handle?.credentials,
      );
      assert.equal(instance?.['node_id'], 'node_1');
      for (const each of [instance, binding]) {
        assert.ok(await service.works(each as typeof credentials), 'the moved credentials do not work');
      }
      assert.equal(await data.read(instance as typeof credentials), 'moved');
      assert.deepEqual(await scene.traces(), []);
      await client.unprovision(id);
      assert.deepEqual(await scene.traces(target), []);
    }),
  ];
}
