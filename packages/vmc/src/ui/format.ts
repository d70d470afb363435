/** Bytes as people read them: 512B, 1.5K, 128.0M, 2.0G. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${Math.round(bytes)}B`;
  const units = ['K', 'M', 'G', 'T'];
  let value = bytes / 1024;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toFixed(1)}${units[unit]}`;
}

/** Megabytes as a memory setting: 128M, 2G. */
export function formatMemory(megabytes: number): string {
  return megabytes >= 1024 && megabytes % 1024 === 0 ? `${megabytes / 1024}G` : `${megabytes}M`;
}

/** Seconds as days:hours:minutes:seconds, each with its letter. */
export function formatUptime(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 86400)}d:${Math.floor(whole / 3600) % 24}h:${Math.floor(whole / 60) % 60}m:${whole % 60}s`;
}

const two = (n: number) => String(n).padStart(2, '0');

/** Epoch seconds as local date and time. */
export function formatTime(epochSeconds: number): string {
  const at = new Date(epochSeconds * 1000);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** The last lines of a text, without the empty one that a final line break makes. */
export function lastLines(text: string, count: number): string[] {
  return text.replace(/\n$/, '').split('\n').slice(-count);
}
