import type { Binding, Instance } from './types.ts';

/** `pending`: being made. `deleting`: being deleted. Either, found at start, is deleted then. */
export type RowState = 'pending' | 'ready' | 'deleting';
export type InstanceRow = Instance & { readonly state: RowState };
export type BindingRow = Binding & { readonly account: string; readonly state: RowState };

/** What a service may ask of and change in the node's registry; rows come and go by the base alone. */
export interface Registry {
  /** Ready ones. */
  instances(): Instance[];
  instance(name: string): Instance | undefined;
  /** Ready ones of an instance. */
  bindings(instance: string): Binding[];
  /** Merges into an instance's `data`; false when there is no such instance. */
  setData(name: string, data: Readonly<Record<string, unknown>>): boolean;
}
