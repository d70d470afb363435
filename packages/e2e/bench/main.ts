/**
 * `npm run bench [-- --quick] [-- --only=a,b,c,d,services,tunnel,containers]`: measures the product's figures and prints them.
 * Asserts no times.
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { sweepContainers, whyNoContainers } from '../test/support/containers.ts';
import { Platform } from '../test/support/platform.ts';
import { measureBigUpdate } from './figures/big-update.ts';
import { measureContainers } from './figures/containers.ts';
import { measureMemory } from './figures/memory.ts';
import { measureRevival } from './figures/revival.ts';
import { measureServices } from './figures/services.ts';
import { measureSmallPush } from './figures/small-push.ts';
import { measureTunnel } from './figures/tunnel.ts';
import { renderFigure } from './support/report.ts';
import type { Figure } from './support/report.ts';

const measures: Record<string, (platform: Platform, rounds: number) => Promise<Figure | Figure[]>> = {
  // Memory first: a cluster that has worked is not the one that idles since its start.
  d: measureMemory,
  a: measureSmallPush,
  c: measureRevival,
  b: measureBigUpdate,
  services: measureServices,
  tunnel: measureTunnel,
  containers: measureContainers,
};
/** Those that need applications in containers. */
const contained = new Set(['containers']);

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: Object.keys(measures).join(',') },
  },
});
const rounds = values.quick ? 3 : 10;
const only = values.only.split(',');
const [cpu] = cpus();
console.log(
  `${cpus().length} cores (${cpu?.model ?? 'unknown'}), Node.js ${process.version}, ${rounds} runs\n`,
);

for (const [name, measure] of Object.entries(measures)) {
  if (!only.includes(name)) continue;
  if (contained.has(name) && (await whyNoContainers()) !== undefined) continue;
  // A cluster of its own for each: no figure depends on what was measured before it.
  const platform = await Platform.create({ isolation: contained.has(name) ? 'runc' : 'process' });
  try {
    await platform.start();
    await platform.login();
    for (const figure of [await measure(platform, rounds)].flat()) console.log(renderFigure(figure));
  } finally {
    await platform.stop();
    if (contained.has(name)) await sweepContainers(platform);
    await platform.remove();
  }
}
