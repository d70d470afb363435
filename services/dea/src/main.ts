import { runComponent } from '@vcap/component';
import { buildDea } from './app.ts';
import { configSchema } from './config.ts';

await runComponent({ type: 'DEA', name: 'dea', schema: configSchema, build: buildDea });
