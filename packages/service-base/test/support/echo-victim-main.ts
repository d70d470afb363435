import { flushCompileCache } from 'node:module';
import { runNode } from '../../src/index.ts';
import { echoConfigSchema } from '../../examples/echo/config.ts';
import { EchoNode } from '../../examples/echo/echo-node.ts';

/** An echo node that kills itself at the step named in DIE_AT. */
await runNode({
  serviceName: 'EchoaaS',
  name: 'echo-node',
  schema: echoConfigSchema,
  create: ({ config }) => {
    flushCompileCache(); // a process that is killed does not come to it
    return new EchoNode(config);
  },
  onStep: (name) => {
    if (name === process.env['DIE_AT']) process.kill(process.pid, 'SIGKILL');
  },
});
