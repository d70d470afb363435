import { runComponent } from '@vcap/component';
import { build } from './app.ts';
import { configSchema } from './config.ts';

// Operators know USR2 as the router's signal to drain.
process.on('SIGUSR2', () => process.kill(process.pid, 'SIGTERM'));
// With routes out of its snapshot it serves without a bus, too; the announcer waits for one where there are none.
const busPatienceMs = 1000;
await runComponent({ type: 'Router', name: 'router', schema: configSchema, build, busPatienceMs });
