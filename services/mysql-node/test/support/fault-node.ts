import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { runNode } from '@vcap/service-base';
import { configSchema, MysqlNode } from '../../src/index.ts';

/**
 * The real node, which ends itself with SIGKILL between two statements: with `bind: 3` in FAULT_FILE at the third step
 * of a bind from then on. Steps are also noted in STEPS_FILE.
 */
const { FAULT_FILE = '', STEPS_FILE = '' } = process.env;
let fault = '';
let count = 0;

function dies(step: string): boolean {
  const now = existsSync(FAULT_FILE) ? readFileSync(FAULT_FILE, 'utf8') : '';
  if (now !== fault) count = 0;
  fault = now;
  const [what = '', at] = now.split(' ');
  return what !== '' && step.startsWith(what) && ++count === Number(at);
}

await runNode({
  serviceName: 'MyaaS',
  name: 'mysql-node',
  schema: configSchema,
  create: ({ config, log, clock, identity }) => {
    flushCompileCache(); // a process that is killed does not come to it
    return new MysqlNode(config, { log, clock, ip: identity.ip });
  },
  onStep: (name) => {
    if (STEPS_FILE !== '') appendFileSync(STEPS_FILE, `${name}\n`);
    if (dies(name)) process.kill(process.pid, 'SIGKILL');
  },
});
