/**
 * Node's own TCP handles, under the streams of `node:net`. They are not documented; `loadBindings` finds out at start
 * whether they are what this was written for, and without them `node:net` is used. What is typed here is all that is
 * used of them.
 */
export interface TcpHandle {
  onread: (this: TcpHandle) => Buffer | undefined;
  wire: unknown;
  readStart(): number;
  readStop(): number;
  useUserBuffer(buffer: Buffer): void;
  writeLatin1String(request: WriteRequest, text: string): number;
  writeBuffer(request: WriteRequest, buffer: Buffer): number;
  writev(request: WriteRequest, buffers: readonly Buffer[], allBuffers: boolean): number;
  shutdown(request: DoneRequest): number;
  close(done?: () => void): void;
  reset(done?: () => void): number;
  setNoDelay(on: boolean): number;
  setKeepAlive(on: boolean, delaySeconds: number): number;
  getpeername(out: { address?: string; port?: number }): number;
  connect(request: ConnectRequest, address: string, port: number): number;
  connect6(request: ConnectRequest, address: string, port: number): number;
}

/** A write that waits; `oncomplete` is called with an error number, 0 for none. */
export interface WriteRequest {
  oncomplete: (this: WriteRequest, status: number) => void;
  bytes: number;
  held: unknown;
  chunk: unknown;
  wire: unknown;
}
/** A shutdown that waits. */
export interface DoneRequest {
  oncomplete: (status: number) => void;
}
/** A connect that waits. */
export interface ConnectRequest {
  oncomplete: (status: number) => void;
}

/** What is used of the two modules. */
export interface Bindings {
  readonly TCP: new (kind: number) => TcpHandle;
  readonly socketKind: number;
  readonly ConnectWrap: new () => ConnectRequest;
  readonly WriteWrap: new () => WriteRequest;
  readonly ShutdownWrap: new () => DoneRequest;
  /** A bound socket that does not listen; undefined when it cannot be bound. */
  readonly bind: (ip: string, port: number) => BoundHandle | undefined;
  readonly state: Int32Array;
  readonly readAt: number;
  readonly asyncAt: number;
}

/** A bound socket. */
export interface BoundHandle {
  readonly fd: number;
  readonly port: number | undefined;
  close(): void;
}

interface Bindable {
  readonly fd: number;
  close(): void;
  bind(ip: string, port: number, flags?: number): number;
  bind6(ip: string, port: number, flags?: number): number;
  getsockname(out: { port?: number }): number;
}

const methods = [
  'bind',
  'bind6',
  'readStart',
  'readStop',
  'useUserBuffer',
  'writeLatin1String',
  'writeBuffer',
  'writev',
  'shutdown',
  'close',
  'reset',
  'setNoDelay',
  'setKeepAlive',
  'getpeername',
  'getsockname',
  'connect',
  'connect6',
] as const;

/** The handles, or undefined when this Node has them no more or has changed them. */
export function loadBindings(): Bindings | undefined {
  try {
    const { binding } = process as unknown as { binding?: (name: string) => Record<string, unknown> };
    if (typeof binding !== 'function') return undefined;
    const tcp = binding.call(process, 'tcp_wrap');
    const stream = binding.call(process, 'stream_wrap');
    const constants = tcp['constants'] as Record<string, number> | undefined;
    const found = {
      TCP: tcp['TCP'],
      socketKind: constants?.['SOCKET'],
      ConnectWrap: tcp['TCPConnectWrap'],
      WriteWrap: stream['WriteWrap'],
      ShutdownWrap: stream['ShutdownWrap'],
      state: stream['streamBaseState'],
      readAt: stream['kReadBytesOrError'],
      asyncAt: stream['kLastWriteWasAsync'],
    };
    const { TCP, ConnectWrap, WriteWrap, ShutdownWrap, state, ...numbers } = found;
    if ([TCP, ConnectWrap, WriteWrap, ShutdownWrap].some((each) => typeof each !== 'function'))
      return undefined;
    if (Object.values(numbers).some((each) => typeof each !== 'number')) return undefined;
    if (!(state instanceof Int32Array) && !ArrayBuffer.isView(state)) return undefined;
    const prototype = (TCP as { prototype: Record<string, unknown> }).prototype;
    if (methods.some((name) => typeof prototype[name] !== 'function')) return undefined;
    const Handle = TCP as new (kind: number) => Bindable;
    const bind = (ip: string, port: number): BoundHandle | undefined => {
      const handle = new Handle(constants?.['SERVER'] ?? 1);
      const status = ip.includes(':') ? handle.bind6(ip, port, 0) : handle.bind(ip, port);
      const out: { port?: number } = {};
      if (status === 0 && handle.getsockname(out) === 0)
        return { fd: handle.fd, port: out.port, close: () => handle.close() };
      handle.close();
      return undefined;
    };
    return { ...found, bind } as unknown as Bindings;
  } catch {
    return undefined;
  }
}
