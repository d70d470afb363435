import { ProcessWarden } from './process/process-warden.ts';
import { detectBackend } from './runc/detect.ts';
import { RuncWarden } from './runc/runc-warden.ts';
import type { RuncWardenOptions } from './runc/runc-warden.ts';
import type { Isolation, Warden } from './types.ts';

/** Settings of either back-end, and which one is wanted: the better one that works by default. */
export interface OpenWardenOptions extends RuncWardenOptions {
  backend?: Isolation | 'auto';
}

/**
 * Opens the best warden that this host can run. `reason` says why applications are not kept apart; log and advertise it.
 * Rejects when `runc` is asked for by name and cannot be had.
 */
export async function openWarden(options: OpenWardenOptions): Promise<{ warden: Warden; reason?: string }> {
  const { backend = 'auto', ...rest } = options;
  const { clock, sampleMs, stateDir } = rest;
  const plain = (): Warden =>
    new ProcessWarden({ clock, stateDir, ...(sampleMs === undefined ? {} : { sampleMs }) });
  if (backend === 'process') return { warden: plain(), reason: 'the configuration asks for plain processes' };
  const found = await detectBackend(rest);
  if (found.isolation === 'runc') {
    await endPlainProcesses(plain());
    return { warden: await RuncWarden.open(rest) };
  }
  if (backend === 'runc') throw new Error(`the configuration asks for runc: ${found.reason}`);
  return { warden: plain(), reason: found.reason };
}

/** Of a time when this host ran plain processes from the same directory: nobody could take them over. */
async function endPlainProcesses(warden: Warden): Promise<void> {
  await warden.destroyOrphans();
  warden.close();
}
