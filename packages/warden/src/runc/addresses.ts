const OCTETS = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;
/** A container needs four addresses: its own, the host's end of the wire, and the two that a network of four loses. */
const PER_CONTAINER = 4;

/** An IPv4 network as a range of numbers. */
export interface Range {
  first: number;
  last: number;
}

/** Parses an address; undefined when it is none. */
export function parseAddress(text: string): number | undefined {
  const octets = OCTETS.exec(text)?.slice(1).map(Number);
  if (octets === undefined || octets.some((octet) => octet > 255)) return undefined;
  return octets.reduce((sum, octet) => sum * 256 + octet, 0);
}

export function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}

/** Parses `a.b.c.d`, `a.b.c.d/n` or `a.b.c.d-e.f.g.h`; undefined when it is none of them. */
export function parseRange(text: string): Range | undefined {
  const [from = '', to] = text.split('-');
  if (to !== undefined) {
    const [first, last] = [parseAddress(from), parseAddress(to)];
    return first === undefined || last === undefined || first > last ? undefined : { first, last };
  }
  const [base = '', bits = '32', ...rest] = text.split('/');
  const address = parseAddress(base);
  if (address === undefined || rest.length > 0 || !/^\d{1,2}$/.test(bits) || Number(bits) > 32)
    return undefined;
  const size = 2 ** (32 - Number(bits));
  const first = Math.floor(address / size) * size;
  return { first, last: first + size - 1 };
}

/** The addresses and user ids of a slot. */
export interface SlotNumbers {
  /** Of the host's end of the wire. */
  gateway: string;
  address: string;
  /** Host id that the container's root is mapped to; it owns nothing. */
  rootUid: number;
  /** Host id of the application, user and group. */
  uid: number;
}

/** Hands out a network of four addresses, and two user ids, per slot. */
export class AddressPlan {
  readonly network: string;
  readonly slots: number;
  private readonly first: number;
  private readonly firstUid: number;

  /** Throws when `network` is no IPv4 network. */
  constructor(network: string, firstUid: number) {
    const range = parseRange(network);
    if (range === undefined || !network.includes('/')) throw new Error(`${network} is no IPv4 network`);
    this.network = network;
    this.first = range.first;
    this.firstUid = firstUid;
    this.slots = Math.floor((range.last - range.first + 1) / PER_CONTAINER);
  }

  numbers(slot: number): SlotNumbers {
    const base = this.first + slot * PER_CONTAINER;
    const rootUid = this.firstUid + slot * 2;
    return {
      gateway: formatAddress(base + 1),
      address: formatAddress(base + 2),
      rootUid,
      uid: rootUid + 1,
    };
  }
}
