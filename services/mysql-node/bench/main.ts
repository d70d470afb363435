import { manyInstances } from './many-instances.ts';
import { snapshot } from './snapshot.ts';

/** `node --conditions=source bench/main.ts [instances]`: the node's own figures, with the limits of its issue. */
const count = Number(process.argv[2] ?? 5000);
const many = await manyInstances(count);
const big = await snapshot();
process.stdout.write(`${JSON.stringify({ many, big }, undefined, 2)}\n`);
