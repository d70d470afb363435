import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CgroupLayout } from './cgroup.ts';

const ROUNDS = 10;

/**
 * In a container of its own (a DEA run by Docker), on cgroup v2, a warden finds itself in the topmost cgroup that it can
 * see. The kernel lets such a one give controllers to others only while it holds no processes, so they move to a
 * cgroup beside those of the containers. The root of the machine is exempt, and so is version 1.
 */
export async function delegateCgroups({ hierarchies, version }: CgroupLayout): Promise<void> {
  const [top] = hierarchies;
  if (version === 1 || top === undefined) return;
  const isRoot = await access(join(top, 'cgroup.type')).then(
    () => false,
    () => true,
  );
  if (isRoot) return;
  const own = join(top, 'vcap-host');
  await mkdir(own, { recursive: true });
  // Processes may be born while others are moved.
  for (let round = 0; round < ROUNDS; round += 1) {
    const pids = (await readFile(join(top, 'cgroup.procs'), 'utf8')).split('\n').filter(Boolean);
    if (pids.length === 0) break;
    for (const pid of pids) await writeFile(join(own, 'cgroup.procs'), pid).catch(() => undefined);
  }
  await writeFile(join(top, 'cgroup.subtree_control'), '+cpu +memory +pids');
}
