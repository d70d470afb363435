import type { EndpointFacts } from '../plane/table/endpoint.ts';

/** One backend address and its owner, with its places under routes. */
export interface Entry {
  readonly facts: EndpointFacts;
  readonly places: Place[];
  /** The sender's clock, if it tells. */
  updatedAt: number | undefined;
  /** Registered since this process started, and not only found in a snapshot. */
  confirmed: boolean;
  /** Who knows which instance holds the port; undefined: nobody says. */
  witness: Witness | undefined;
  /** Monotonic ms of the last word that its instance holds the address: a registration, or the witness's. */
  vouchedAt: number;
}

/** A DEA that answers who holds its ports: one object for all its entries. */
export interface Witness {
  readonly dea: string;
  readonly host: string;
  readonly port: number;
}

/** A backend's place under one route, with the monotonic time of its last registration in ms. */
export interface Place {
  readonly entry: Entry;
  readonly route: KnownRoute;
  seenAt: number;
}

/** A host, with or without a path, that the router knows, with or without backends. */
export interface KnownRoute {
  readonly key: string;
  readonly places: Set<Place>;
  /** Monotonic ms since when it has had none; undefined while it has one. */
  emptySince: number | undefined;
}
