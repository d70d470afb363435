import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Platform } from '../../test/support/platform.ts';
import type { Phase } from './timed-vmc.ts';

const line = z.looseObject({ time: z.number(), event: z.string(), to: z.string().optional() });
type LogLine = z.infer<typeof line>;

/** Milliseconds since the epoch, of the same kind as the times in the components' logs. */
export const epochMs = (): number => performance.timeOrigin + performance.now();

/** What stager and DEA logged since `sinceMs` (epoch), as phases counted from then. */
export async function loggedPhases(platform: Platform, sinceMs: number): Promise<Phase[]> {
  const [stager, dea] = await Promise.all([
    linesSince(platform, 'stager-0', sinceMs),
    linesSince(platform, 'dea-0', sinceMs),
  ]);
  const stage = between(stager, 'stager: task', isEvent('task-started'), isEvent('task-finished'));
  const start = between(dea, 'DEA: start to RUNNING', isState('STARTING'), isState('RUNNING'));
  return [...stage, ...start].map(({ name, fromMs, toMs }) => ({
    name,
    fromMs: fromMs - sinceMs,
    toMs: toMs - sinceMs,
  }));
}

const isEvent = (event: string) => (entry: LogLine) => entry.event === event;
const isState = (to: string) => (entry: LogLine) => entry.event === 'instance-state' && entry.to === to;

function between(
  lines: LogLine[],
  name: string,
  first: (entry: LogLine) => boolean,
  last: (entry: LogLine) => boolean,
): Phase[] {
  const from = lines.find(first);
  const to = lines.findLast(last);
  return from && to ? [{ name, fromMs: from.time, toMs: to.time }] : [];
}

async function linesSince(platform: Platform, component: string, sinceMs: number): Promise<LogLine[]> {
  const text = await readFile(join(platform.home, 'logs', `${component}.log`), 'utf8');
  return text.split('\n').flatMap((each) => {
    const parsed = line.safeParse(toJson(each));
    return parsed.success && parsed.data.time >= Math.floor(sinceMs) ? [parsed.data] : [];
  });
}

function toJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
