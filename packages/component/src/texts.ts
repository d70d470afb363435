/** `0d:1h:2m:3s`, as the originals print uptimes (nats-messages.md §2). */
export function uptimeText(ms: number): string {
  const all = Math.max(0, Math.floor(ms / 1000));
  return `${Math.floor(all / 86_400)}d:${Math.floor(all / 3600) % 24}h:${Math.floor(all / 60) % 60}m:${all % 60}s`;
}

/** `2013-07-05 12:00:00 +0000` */
export function timeText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} +0000`;
}

/** The ms of {@link timeText}; undefined for anything else. */
export function parseTimeText(text: string): number | undefined {
  const ms = Date.parse(text.replace(/^(\S+) (\S+) \+0000$/, '$1T$2Z'));
  return Number.isNaN(ms) ? undefined : ms;
}

/** The ms of {@link uptimeText}; undefined for anything else. */
export function parseUptimeText(text: string): number | undefined {
  const parts = /^(\d+)d:(\d+)h:(\d+)m:(\d+)s$/.exec(text)?.slice(1).map(Number);
  if (parts === undefined) return undefined;
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = parts;
  return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000;
}
