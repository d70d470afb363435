import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Binding, Instance, Registry } from '@vcap/service-base';

/** A registry for tests of the class without the base around it; in a file, where it must outlive a process. */
export class MemoryRegistry implements Registry {
  readonly #instances = new Map<string, Instance>();
  readonly #bindings: Binding[] = [];
  readonly #file: string | undefined;

  constructor(file?: string) {
    this.#file = file;
    const saved = file !== undefined && existsSync(file) ? readFileSync(file, 'utf8') : '[]';
    for (const instance of JSON.parse(saved) as Instance[]) this.#instances.set(instance.name, instance);
  }

  add(instance: Instance): void {
    this.#instances.set(instance.name, instance);
    this.#save();
  }

  addBinding(binding: Binding): void {
    this.#bindings.push(binding);
  }

  remove(name: string): void {
    this.#instances.delete(name);
  }

  instances(): Instance[] {
    return [...this.#instances.values()];
  }

  instance(name: string): Instance | undefined {
    return this.#instances.get(name);
  }

  bindings(instance: string): Binding[] {
    return this.#bindings.filter((each) => each.instance === instance);
  }

  setData(name: string, data: Readonly<Record<string, unknown>>): boolean {
    const instance = this.#instances.get(name);
    if (!instance) return false;
    // As the real one: what cannot be JSON does not survive.
    const merged = JSON.parse(JSON.stringify({ ...instance.data, ...data })) as Instance['data'];
    this.#instances.set(name, { ...instance, data: merged });
    this.#save();
    return true;
  }

  #save(): void {
    if (this.#file !== undefined) writeFileSync(this.#file, JSON.stringify(this.instances()));
  }
}
