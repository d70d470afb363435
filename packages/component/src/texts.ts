/** `0d:1h:2m:3s`, as the originals print uptimes (nats-messages.md §2). */
export function uptimeText(ms: number): string {
  const all = Math.max(0, Math.floor(ms / 1000));
  return `${Math.floor(all / 86_400)}d:${Math.floor(all / 3600) % 24}h:${Math.floor(all / 60) % 60}m:${all % 60}s`;
}

/** `2013-07-05 12:00:00 +0000` */
export function timeText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} +0000`;
}
