import { runComponent } from '@vcap/component';
import { build } from './app.ts';
import { configSchema } from './config.ts';

await runComponent({ type: 'Router', name: 'router', schema: configSchema, build });
