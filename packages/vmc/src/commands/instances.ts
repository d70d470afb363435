import { getStats, listInstances } from '../api/apps.ts';
import { changeInstances } from '../app/memory.ts';
import type { Context } from '../context.ts';
import { formatBytes, formatTime, formatUptime } from '../ui/format.ts';
import { changeApp } from './shared.ts';

/** `instances app [N|+N|-N]`: shows the instances, or changes their number without a restart. */
export async function instances(context: Context): Promise<void> {
  const { ui } = context;
  const name = context.appName();
  const change = context.args[1] ?? context.flags.instances;
  if (change === undefined) {
    const found = await listInstances(await context.client(), name);
    found.sort((a, b) => a.index - b.index);
    return ui.table(
      found,
      ['Index', 'State', 'Start Time'],
      found.map((entry) => [
        String(entry.index),
        entry.state,
        typeof entry.since === 'number' ? formatTime(entry.since) : '',
      ]),
      `No running instances for [${name}]`,
    );
  }
  await changeApp(
    context,
    `Scaling Application instances (${change})`,
    (app) => {
      const wanted = changeInstances(change, app.instances);
      if (wanted !== app.instances) return { instances: wanted };
      ui.say(`Application [${name}] is already running ${wanted} instance(s)`);
      return undefined;
    },
    false,
  );
}

/** `stats app`: what each running instance uses. */
export async function stats(context: Context): Promise<void> {
  const name = context.appName();
  const found = await getStats(await context.client(), name);
  const rows = Object.entries(found)
    .sort(([a], [b]) => Number(a) - Number(b))
    .flatMap(([index, { stats: entry }]) => {
      if (!entry) return [];
      const { usage } = entry;
      // The API gives memory in kilobytes, the quotas and the disk in bytes (reference: API v1 §1.2d).
      const memory = usage ? formatBytes((usage.mem ?? 0) * 1024) : 'NA';
      const disk = usage ? formatBytes(usage.disk ?? 0) : 'NA';
      return [
        [
          index,
          `${usage ? `${usage.cpu ?? 0}%` : 'NA'} (${entry.cores ?? '?'})`,
          `${memory} (${formatBytes(entry.mem_quota ?? 0)})`,
          `${disk} (${formatBytes(entry.disk_quota ?? 0)})`,
          formatUptime(entry.uptime ?? 0),
        ],
      ];
    });
  context.ui.table(
    found,
    ['Instance', 'CPU (Cores)', 'Memory (limit)', 'Disk (limit)', 'Uptime'],
    rows,
    `No running instances for [${name}]`,
  );
}
