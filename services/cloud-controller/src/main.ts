import { checksOfBlobstore } from '@vcap/blobstore';
import { runComponent } from '@vcap/component';
import { buildCloudController } from './app.ts';
import { configSchema } from './config.ts';

await runComponent({
  type: 'CloudController',
  name: 'cloud-controller',
  schema: configSchema,
  build: buildCloudController,
  checks: ({ blobstore }) => checksOfBlobstore(blobstore),
});
