import { runComponent } from '@vcap/component';
import { buildStager } from './app.ts';
import { stagerConfigSchema } from './config.ts';

await runComponent({
  type: 'Stager',
  name: 'stager',
  schema: stagerConfigSchema,
  build: buildStager,
});
