import { z } from 'zod';

const offset = z.int().min(0);

/**
 * Text frames of the WebSocket transport; binary frames are the bytes themselves. Each side says hello first on every
 * connection; offsets count the bytes of the tunnel's life, so that a new connection goes on where the old one broke.
 */
export const controlSchema = z.discriminatedUnion('type', [
  /** `received`: what I have of your bytes; `window`: how many more than acknowledged you may send. */
  z.object({ type: z.literal('hello'), received: offset, window: z.int().min(1) }),
  /** I have passed on your bytes up to here: forget them. `end`: and I know that there are no more. */
  z.object({ type: z.literal('ack'), received: offset, end: z.boolean().optional() }),
  /** No more bytes will follow after `total`. Not clean: the connection behind me broke. */
  z.object({ type: z.literal('end'), total: offset, clean: z.boolean(), reason: z.string().max(500) }),
]);
export type Control = z.infer<typeof controlSchema>;

/** Undefined for what is no control frame. */
export function parseControl(text: string): Control | undefined {
  try {
    return controlSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** WebSocket close codes of ours (RFC 6455 leaves 4000-4999 to applications). */
export const closeCodes = {
  /** Both directions are done; the tunnel is gone. */
  done: 1000,
  /** The peer broke the protocol. */
  protocol: 4000,
  /** A newer connection of the same tunnel took over. */
  superseded: 4001,
  /** The tunnel was ended: by the operator, by its ticket's end, by a stop of the service. */
  ended: 4002,
} as const;
