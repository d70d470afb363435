import { availableParallelism } from 'node:os';

/**
 * Statistics in the units of API v1 (api-v1.md §1.2d): DEAs say memory in bytes and CPU as a fraction of a core, the
 * API's clients expect KB and percent.
 */
export function presentStats(rows: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(rows).map(([index, row]) => [index, presentRow(row)]));
}

function presentRow(row: unknown): unknown {
  const { stats } = row as { stats?: { usage?: { mem?: unknown; cpu?: unknown }; cores?: number } };
  if (!stats) return row;
  const { usage } = stats;
  const inUnits = usage && {
    ...usage,
    ...(typeof usage.mem === 'number' ? { mem: Math.round((usage.mem / 1024) * 10) / 10 } : {}),
    ...(typeof usage.cpu === 'number' ? { cpu: Math.round(usage.cpu * 1000) / 10 } : {}),
  };
  return {
    ...(row as object),
    stats: { cores: availableParallelism(), ...stats, ...(inUnits ? { usage: inUnits } : {}) },
  };
}
