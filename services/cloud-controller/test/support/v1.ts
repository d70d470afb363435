import { afterAll, beforeAll, beforeEach } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DialectName } from '../../src/db/open.ts';
import type { ApiClient } from './client.ts';
import { TestCloud } from './cloud.ts';
import type { Controller } from './cloud.ts';
import { stageAtOnce } from './doubles.ts';

/** A controller for the tests of one `describe`, and a user for each of them. */
export class V1 {
  cloud!: TestCloud;
  controller!: Controller;
  api!: ApiClient;
  /** Made anew for each test. */
  ann!: ApiClient;
  sequence = 0;

  /** Call it in a `describe`. */
  static on(dialect: DialectName): V1 {
    const v1 = new V1();
    beforeAll(async () => {
      v1.cloud = await TestCloud.start(dialect);
      const passwordFile = join(v1.cloud.dir.path, 'admin-password');
      await writeFile(passwordFile, 'admin-pass\n');
      v1.controller = await v1.cloud.controller(await v1.cloud.database(), {
        app_uris: { reserved_list: ['www'] },
        bootstrap_admin: { email: 'admin@test.dev', password_file: passwordFile },
      });
      v1.api = v1.controller.api;
    }, 60_000);
    afterAll(() => v1.cloud.stop());
    beforeEach(async () => {
      v1.ann = await v1.api.as(`ann${++v1.sequence}@test.dev`);
      v1.cloud.world.orders.length = 0;
      v1.cloud.world.stage = stageAtOnce;
      v1.cloud.world.running = 0;
    });
    return v1;
  }

  admin(): Promise<ApiClient> {
    return this.api.logIn('admin@test.dev', 'admin-pass');
  }

  newApp(name: string, more: Record<string, unknown> = {}): Record<string, unknown> {
    return {
      name,
      staging: { framework: 'node', runtime: null },
      uris: [`${name}-${this.sequence}.vcap.test`],
      instances: 1,
      resources: { memory: 64 },
      ...more,
    };
  }

  async started(name: string, more: Record<string, unknown> = {}): Promise<void> {
    await this.ann.call('POST', '/apps', this.newApp(name, more));
    await upload(this.ann, name);
    const { status } = await this.ann.call('PUT', `/apps/${name}`, { state: 'STARTED' });
    if (status !== 200) throw new Error(`the start of ${name} was answered ${status}`);
    this.cloud.world.orders.length = 0;
  }
}

/** Sends an app's bits. */
export function upload(client: ApiClient, name: string, bits = 'bits') {
  const multipart = client.with({ 'content-type': 'multipart/form-data; boundary=1' });
  return multipart.call('PUT', `/apps/${name}/application`, bits);
}
