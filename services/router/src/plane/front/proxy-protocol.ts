/** Where a load balancer says that the visitor is. */
export interface Origin {
  readonly address: string;
  readonly port: number;
}

/**
 * A header of the Proxy Protocol: what it says (no origin: the balancer speaks for itself) and where it ends; `more`: it
 * is not all there; `bad`: it is none.
 */
export type ProxyHeader = { readonly origin: Origin | undefined; readonly end: number } | 'more' | 'bad';

const signature = Buffer.from([13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10]);
const longestV1 = 107;
const longestV2 = 4096;

/** Reads version 1 or 2 (haproxy's proxy-protocol.txt, §2) at the beginning of a connection. */
export function readProxyHeader(buffer: Buffer): ProxyHeader {
  if (buffer.length === 0) return 'more';
  return buffer[0] === signature[0] ? readBinary(buffer) : readText(buffer);
}

function readText(buffer: Buffer): ProxyHeader {
  const start = 'PROXY ';
  const text = buffer.toString('latin1', 0, Math.min(buffer.length, longestV1));
  if (!start.startsWith(text.slice(0, start.length))) return 'bad';
  const end = text.indexOf('\r\n');
  if (end < 0) return buffer.length >= longestV1 ? 'bad' : 'more';
  const [, family = '', source = '', , port = ''] = text.slice(0, end).split(' ');
  if (family === 'UNKNOWN') return { origin: undefined, end: end + 2 };
  const sound = /^\d{1,5}$/.test(port) && Number(port) <= 65_535;
  if (!sound || !/^TCP[46]$/.test(family) || !/^[\da-f.:]{2,45}$/i.test(source)) return 'bad';
  return { origin: { address: source, port: Number(port) }, end: end + 2 };
}

function readBinary(buffer: Buffer): ProxyHeader {
  const known = Math.min(buffer.length, signature.length);
  if (buffer.compare(signature, 0, known, 0, known) !== 0) return 'bad';
  if (buffer.length < 16) return 'more';
  const version = (buffer[12] as number) >> 4;
  const command = (buffer[12] as number) & 15;
  if (version !== 2 || command > 1) return 'bad';
  const family = buffer[13] as number;
  const length = buffer.readUInt16BE(14);
  const end = 16 + length;
  if (end > longestV2) return 'bad';
  if (buffer.length < end) return 'more';
  if (command === 1 && family === 0x11 && length >= 12) {
    return { origin: { address: buffer.subarray(16, 20).join('.'), port: buffer.readUInt16BE(24) }, end };
  }
  if (command === 1 && family === 0x21 && length >= 36) {
    const groups = Array.from({ length: 8 }, (_each, i) => buffer.readUInt16BE(16 + 2 * i).toString(16));
    return { origin: { address: groups.join(':'), port: buffer.readUInt16BE(48) }, end };
  }
  return { origin: undefined, end };
}
