import { runComponent } from '@vcap/component';
import { build } from './app.ts';
import { configSchema } from './config.ts';

await runComponent({ type: 'ServiceBroker', name: 'service-broker', schema: configSchema, build });
