/** What a `router.register` or `router.unregister` says, after parsing. */
export interface Registration {
  readonly host: string;
  readonly port: number;
  readonly uris: readonly string[];
  readonly app?: string | undefined;
  readonly privateInstanceId?: string | undefined;
  readonly index?: string | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
}

/**
 * `up`: in rotation. `suspect`: died on a request, used only when nothing better is left.
 * `down`: refused a connection, not used at all. A new registration makes it `up` again.
 */
export type EndpointHealth = 'up' | 'suspect' | 'down';

/** One backend address and its owner; the same object serves every uri it is registered for. */
export interface Endpoint {
  readonly address: string;
  readonly host: string;
  readonly port: number;
  readonly app: string | undefined;
  readonly privateInstanceId: string | undefined;
  readonly index: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
  /** The uris it serves now; empty means that it is gone from the registry. */
  readonly uris: Set<string>;
  /** Requests and tunnels running on it, counted until the last byte. */
  active: number;
  health: EndpointHealth;
}

/** `host:port`, the key of an endpoint; an IPv6 address is put in brackets. */
export function addressOf(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** A fresh endpoint for a registration. */
export function newEndpoint(registration: Registration): Endpoint {
  return {
    address: addressOf(registration.host, registration.port),
    host: registration.host,
    port: registration.port,
    app: registration.app,
    privateInstanceId: registration.privateInstanceId,
    index: registration.index,
    tags: registration.tags ?? {},
    uris: new Set(),
    active: 0,
    health: 'up',
  };
}

/** Whether a registration comes from the instance that owns the endpoint (same app, same instance). */
export function isOwner(endpoint: Endpoint, registration: Registration): boolean {
  return endpoint.app === registration.app && endpoint.privateInstanceId === registration.privateInstanceId;
}

/**
 * Whether an unregister may speak for the endpoint: older senders leave fields out, so only a
 * field named by both sides and different proves that it is the previous owner's late message.
 */
export function mayUnregister(endpoint: Endpoint, message: Registration): boolean {
  const differs = (a: string | undefined, b: string | undefined): boolean =>
    a !== undefined && b !== undefined && a !== b;
  return (
    !differs(endpoint.app, message.app) && !differs(endpoint.privateInstanceId, message.privateInstanceId)
  );
}
