/** What a `router.register` or `router.unregister` says, after parsing. */
export interface Registration {
  readonly host: string;
  readonly port: number;
  readonly uris: readonly string[];
  readonly app?: string | undefined;
  readonly privateInstanceId?: string | undefined;
  readonly index?: string | undefined;
  readonly component?: string | undefined;
  /** The sender's clock in ns at which the instance last changed; older news of the same address is ignored. */
  readonly updatedAt?: number | undefined;
  /** Who may be asked whether the instance still holds the port; absent: nobody. */
  readonly dea?: string | undefined;
  readonly identityPort?: number | undefined;
}

/** `host:port`, the key of a backend; an IPv6 address is put in brackets. */
export function addressOf(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

interface Owner {
  readonly app?: string | undefined;
  readonly privateInstanceId?: string | undefined;
}

/** Whether both are the same instance of the same app. */
export function isSameOwner(a: Owner, b: Owner): boolean {
  return a.app === b.app && a.privateInstanceId === b.privateInstanceId;
}

/**
 * Whether an unregister may speak for a backend: older senders leave fields out, so only a field named by both sides
 * and different proves that it is the previous owner's late message.
 */
export function mayUnregister(owner: Owner, message: Owner): boolean {
  const differs = (a: string | undefined, b: string | undefined): boolean =>
    a !== undefined && b !== undefined && a !== b;
  return !differs(owner.app, message.app) && !differs(owner.privateInstanceId, message.privateInstanceId);
}
