import type { Logger } from '@vcap/bus';

/** Something that lives inside a process: started in order, drained and stopped in reverse. */
export interface Member {
  name: string;
  start(): Promise<void>;
  /** Finishes what is running; called before any member is stopped. */
  drain?(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts in order; when one fails, stops those already started and says which failed. */
export async function startGroup(members: Member[], log: Logger): Promise<void> {
  const started: Member[] = [];
  for (const member of members) {
    try {
      await member.start();
      started.push(member);
    } catch (cause) {
      await stopGroup(started, log);
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`${member.name} did not start: ${why}`, { cause });
    }
  }
}

/** Drains, then stops, in reverse order; a failure is logged and does not keep the others. */
export async function stopGroup(members: Member[], log: Logger): Promise<boolean> {
  let clean = true;
  for (const phase of ['drain', 'stop'] as const) {
    for (const member of members.toReversed()) {
      try {
        await member[phase]?.();
      } catch (err) {
        clean = false;
        log.error({ event: `${phase}-failed`, member: member.name, err });
      }
    }
  }
  return clean;
}
