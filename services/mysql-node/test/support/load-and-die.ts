import { appendFileSync, createReadStream, readFileSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { dirname } from 'node:path';
import { BenchNode, makeWork } from './bench-node.ts';
import type { TestDatabase } from './databases.ts';

/** Loads a dump into an instance and ends itself with SIGKILL at the given step, if there are so many. */
export interface LoadAndDie {
  database: Pick<TestDatabase, 'version' | 'mysql_bin' | 'mysqldump_bin'> & { port: number };
  registryFile: string;
  instance: string;
  dump: string;
  dieAt: number;
  stepsFile: string;
}

const { database, registryFile, instance, dump, dieAt, stepsFile } = JSON.parse(
  readFileSync(process.argv[2] ?? '', 'utf8'),
) as LoadAndDie;
let count = 0;
const work = makeWork((name) => {
  appendFileSync(stepsFile, `${name}\n`);
  if (++count === dieAt) process.kill(process.pid, 'SIGKILL');
});
flushCompileCache(); // a process that is killed does not come to it
const server = { port: database.port } as TestDatabase['server'];
const bench = await BenchNode.start(
  [{ ...database, server }],
  {},
  { registryFile, dir: dirname(registryFile) },
);
const known = bench.registry.instance(instance);
if (!known) throw new Error('no such instance');
await bench.node.load(known, createReadStream(dump), work);
await bench.stop();
process.stdout.write('loaded\n');
