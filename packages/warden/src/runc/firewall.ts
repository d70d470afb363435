import type { Helpers } from './helpers.ts';
import { addEntry, removeEntry, wholeTable } from './ruleset.ts';
import type { FirewallEntry, FirewallPlan } from './ruleset.ts';

interface Change {
  commands: string;
  done: () => void;
  failed: (error: unknown) => void;
}

/**
 * The owner's own table. Changes that come while one is being made are joined into the next, each batch is one
 * transaction of the kernel. The first replaces whatever is there by what is known; one that fails is mended so too.
 */
export class Firewall {
  private readonly plan: FirewallPlan;
  private readonly helpers: Helpers;
  private readonly entries = new Map<string, FirewallEntry>();
  private pending: Change[] = [];
  private working = false;
  private inStep = false;

  constructor(plan: FirewallPlan, helpers: Helpers) {
    this.plan = plan;
    this.helpers = helpers;
  }

  /** Notes containers of before, so that the first change does not cut them off. */
  expect(entries: readonly FirewallEntry[]): void {
    for (const entry of entries) this.entries.set(entry.iface, entry);
  }

  /** Lets a container in; resolves when its rules hold. Throws on a malformed rule. */
  async add(entry: FirewallEntry): Promise<void> {
    const commands = addEntry(this.plan, entry);
    if (this.entries.has(entry.iface)) {
      if (this.inStep) return;
      return this.change('');
    }
    this.entries.set(entry.iface, entry);
    try {
      await this.change(commands);
    } catch (error) {
      this.entries.delete(entry.iface);
      throw error;
    }
  }

  /** Takes a container out, and with the last one the table. */
  async remove(iface: string): Promise<void> {
    const entry = this.entries.get(iface);
    if (entry === undefined) return;
    this.entries.delete(iface);
    await this.change(removeEntry(this.plan, entry));
  }

  /** Forgets all containers but these; `renew` makes it true. */
  retain(ifaces: ReadonlySet<string>): void {
    for (const iface of this.entries.keys()) if (!ifaces.has(iface)) this.entries.delete(iface);
  }

  /** Replaces the table by what is known; with nothing known it is removed. */
  renew(): Promise<void> {
    this.inStep = false;
    return this.change('');
  }

  private change(commands: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.pending.push({ commands, done: resolve, failed: reject });
      if (!this.working) void this.work();
    });
  }

  private async work(): Promise<void> {
    this.working = true;
    while (this.pending.length > 0) {
      const batch = this.pending;
      this.pending = [];
      try {
        await this.apply(batch.map(({ commands }) => commands));
        for (const { done } of batch) done();
      } catch (error) {
        for (const { failed } of batch) failed(error);
      }
    }
    this.working = false;
  }

  private async apply(commands: readonly string[]): Promise<void> {
    const { table } = this.plan;
    if (this.entries.size === 0) {
      this.inStep = false;
      return this.nft(`add table inet ${table}\ndelete table inet ${table}`);
    }
    if (this.inStep) {
      try {
        return await this.nft(commands.join('\n'));
      } catch {
        // Somebody else changed the table, or removed it: the whole of it mends that.
      }
    }
    await this.nft(wholeTable(this.plan, [...this.entries.values()]));
    this.inStep = true;
  }

  private nft(input: string): Promise<void> {
    return this.helpers.run(['nft', '-f', '-'], { input: `${input}\n` });
  }
}
