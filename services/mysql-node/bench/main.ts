import { manyInstances } from './many-instances.ts';
import { snapshot } from './snapshot.ts';

/** `node --conditions=source bench/main.ts [instances] [many|big]`: the node's own figures, as JSON. */
const [, , count = '5000', only] = process.argv;
const figures = {
  ...(only !== 'big' && { many: await manyInstances(Number(count)) }),
  ...(only !== 'many' && { big: await snapshot() }),
};
process.stdout.write(`${JSON.stringify(figures, undefined, 2)}\n`);
