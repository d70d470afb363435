import { z } from 'zod';

const port = z.int().min(1).max(65_535);

/** Where a tunnel leads. */
export const destinationSchema = z.object({ host: z.string().min(1).max(255), port });
export type Destination = z.infer<typeof destinationSchema>;

/** Answer to `POST /tunnels` and `GET /tunnels/:id` (caldecott.md §1). */
export const tunnelInfoSchema = z.looseObject({
  path: z.string().startsWith('/'),
  path_in: z.string().startsWith('/'),
  path_out: z.string().startsWith('/'),
  dst_host: z.string(),
  dst_port: z.int(),
  dst_connected: z.boolean(),
  seq_out: z.int().min(0),
  seq_in: z.int().min(0),
  /** Ours: where a WebSocket for this tunnel may be opened. */
  path_socket: z.string().startsWith('/').optional(),
});
export type TunnelInfo = z.infer<typeof tunnelInfoSchema>;

/** Ways in which a tunnel's bytes can travel. */
export const transportSchema = z.enum(['websocket', 'http']);
export type Transport = z.infer<typeof transportSchema>;

/** Answer to `GET /info`. Originals have `version` alone. */
export const infoSchema = z.looseObject({
  /** Of the HTTP protocol; the originals' clients compare it with their own. */
  version: z.string(),
  /** Of our helper, so that vmc knows whether to push another. */
  release: z.string().optional(),
  /** Unknown ones are left out. */
  transports: z
    .array(z.unknown())
    .transform((list) => list.flatMap((each) => transportSchema.safeParse(each).data ?? []))
    .optional(),
  /** Whether one direction may end before the other. */
  half_close: z.boolean().optional(),
});
export type CaldecottInfo = z.infer<typeof infoSchema>;

/** Version of the HTTP protocol that the originals' clients look for in `/info` (caldecott.md §3.1). */
export const protocolVersion = '0.0.4';
