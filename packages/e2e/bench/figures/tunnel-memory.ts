import type { Connection } from 'mysql2/promise';
import type { Platform } from '../../test/support/platform.ts';
import { helperProcess } from '../../test/support/tunnels.ts';
import type { OpenTunnel } from '../../test/support/tunnels.ts';
import { componentsOf, residentMb } from '../support/processes.ts';
import type { Figure } from '../support/report.ts';
import { connectTo } from '../support/tunnel-ways.ts';
import type { Way } from '../support/tunnel-ways.ts';

/** An application has 256 file descriptors: its helper opens no more tunnels than it has them for. */
const HELPER_AT_ONCE = 60;
const DIRECT_AT_ONCE = 200;

/** What many tunnels cost at their far end while an answer of 1 MB is on its way through each. */
export async function memoryOfTunnels(platform: Platform, way: Way, tunnel: OpenTunnel): Promise<Figure> {
  const { pid } = way.name === '--direct' ? await endpoint(platform) : await helperProcess(platform);
  const before = { caldecott: await residentMb(pid), vmc: await residentMb(tunnel.pid) };
  const connections: Connection[] = [];
  const many = way.name === '--direct' ? DIRECT_AT_ONCE : HELPER_AT_ONCE;
  try {
    for (let count = 0; count < many; count += 20)
      connections.push(...(await Promise.all(Array.from({ length: 20 }, () => connectTo(tunnel.access)))));
    const [sample] = await Promise.all(
      connections.map((connection) => connection.query("SELECT REPEAT('x', 1000000) AS x")),
    );
    if (!Array.isArray(sample)) throw new Error('no answer');
    const kbEach = async (of: number, wasMb: number): Promise<number> =>
      (1000 * ((await residentMb(of)) - wasMb)) / many;
    const each = {
      caldecott: await kbEach(pid, before.caldecott),
      vmc: await kbEach(tunnel.pid, before.vmc),
    };
    return {
      title: `(tunnel) memory of caldecott for each of ${many} tunnels over ${way.name}, 1 MB through each at once`,
      unit: 'kB',
      runs: [each.caldecott],
      notes: [`vmc: ${each.vmc.toFixed(0)} kB each`],
      targets: [],
    };
  } catch (cause) {
    throw new Error(`${connections.length} connections, then: ${tunnel.output}`, { cause });
  } finally {
    for (const connection of connections) connection.destroy();
  }
}

async function endpoint(platform: Platform): Promise<{ pid: number }> {
  const found = (await componentsOf(platform)).find(({ name }) => name === 'caldecott-0');
  if (!found) throw new Error('caldecott-0 does not run');
  return found;
}
