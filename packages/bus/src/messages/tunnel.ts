import { z } from 'zod';
import { defineSubject } from '../subject.ts';

const session = z.looseObject({
  /** The session of the ticket; one session has as many tunnels as its user opens connections. */
  session: z.string().min(1).max(64),
  tunnel: z.string().min(1).max(64),
  event: z.enum(['opened', 'closed']),
  user: z.string(),
  service: z.string(),
  /** Tunnels of this session that are open at the sender after the event. */
  open: z.int().min(0),
  reason: z.string().nullish(),
  bytes_in: z.int().nullish(),
  bytes_out: z.int().nullish(),
  duration_ms: z.number().nullish(),
});
export type TunnelSession = z.infer<typeof session>;

const revoke = z.looseObject({ session: z.string().min(1).max(64), reason: z.string().max(255).nullish() });
export type TunnelRevoke = z.infer<typeof revoke>;

export const tunnelSession = defineSubject({
  name: 'caldecott.session',
  publishers: ['caldecott'],
  listeners: ['cloud-controller'],
  when: 'a tunnel of a direct session opened or closed: audits, and an early end of its database user',
  schema: session,
});
export const tunnelRevoke = defineSubject({
  name: 'caldecott.revoke',
  publishers: ['cloud-controller'],
  listeners: ['caldecott'],
  when: 'a direct session is over: its tunnels are cut at once',
  schema: revoke,
});
