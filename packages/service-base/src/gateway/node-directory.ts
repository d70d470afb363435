import type { ServiceAnnouncement } from '@vcap/bus';
import type { Clock } from '@vcap/clock';
import { ServiceError, serviceErrors } from '@vcap/service-api';

const forgottenMs = 300_000;

interface KnownNode {
  announcement: ServiceAnnouncement;
  /** Less what was given out since. */
  available: number;
  heardAt: number;
  outstanding: number;
}

/** What an instance needs. */
export interface Wanted {
  plan: string;
  version: string | undefined;
  /** Take a full node rather than none. */
  overProvision: boolean;
  /** Nodes that were tried. */
  except: ReadonlySet<string>;
}

/** Higher is better. */
export type NodeScore = (announcement: ServiceAnnouncement, available: number) => number;

/** The nodes as they announce themselves; the freest one of the plan and version is chosen. */
export class NodeDirectory {
  readonly #clock: Clock;
  readonly #score: NodeScore;
  readonly #nodes = new Map<string, KnownNode>();

  constructor(clock: Clock, score: NodeScore = (_announcement, available) => available) {
    this.#clock = clock;
    this.#score = score;
  }

  heard(announcement: ServiceAnnouncement): void {
    const known = this.#nodes.get(announcement.id);
    const outstanding = known?.outstanding ?? 0;
    // While answers are awaited the node may not have counted them yet: what is left for sure is then less.
    const sure = announcement.available_capacity - outstanding * (announcement.capacity_unit ?? 1);
    const available = known && outstanding > 0 ? Math.max(known.available, sure) : sure;
    this.#nodes.set(announcement.id, {
      announcement,
      available,
      heardAt: this.#clock.monotonic(),
      outstanding,
    });
  }

  /** Chooses and takes capacity there; `done` tells that the node answered, or did not. */
  take(wanted: Wanted): { id: string; done: (made: boolean) => void } {
    const node = this.#choose(wanted);
    const { id } = node.announcement;
    const unit = node.announcement.capacity_unit ?? 1;
    node.available -= unit;
    node.outstanding++;
    let open = true;
    const done = (made: boolean): void => {
      const now = this.#nodes.get(id);
      if (!open || !now) return;
      open = false;
      now.outstanding = Math.max(0, now.outstanding - 1);
      if (!made) now.available += unit;
    };
    return { id, done };
  }

  /** An instance there is gone: its room counts at once, as the node's own word may be on its way for a moment. */
  freed(id: string): void {
    const node = this.#nodes.get(id);
    if (node) node.available += node.announcement.capacity_unit ?? 1;
  }

  knows(id: string): boolean {
    return this.all().some(({ announcement }) => announcement.id === id);
  }

  /** For /varz. */
  all(): { announcement: ServiceAnnouncement; available: number; secondsAgo: number }[] {
    const now = this.#clock.monotonic();
    return this.#alive().map(({ announcement, available, heardAt }) => ({
      announcement,
      available,
      secondsAgo: Math.round((now - heardAt) / 1000),
    }));
  }

  /** Best score of a plan's nodes, for /varz. */
  planScore(plan: string): number {
    const scores = this.#alive()
      .filter(({ announcement }) => (announcement.plan ?? 'free') === plan)
      .map((node) => this.#score(node.announcement, node.available));
    return Math.max(0, ...scores);
  }

  #alive(): KnownNode[] {
    const oldest = this.#clock.monotonic() - forgottenMs;
    for (const [id, { heardAt }] of this.#nodes) if (heardAt < oldest) this.#nodes.delete(id);
    return [...this.#nodes.values()];
  }

  #choose({ plan, version, overProvision, except }: Wanted): KnownNode {
    const ofPlan = this.#alive().filter(({ announcement }) => (announcement.plan ?? 'free') === plan);
    if (ofPlan.length === 0)
      throw new ServiceError(serviceErrors.unknownPlan, `${plan}: no node offers it now`);
    const able = ofPlan.filter(
      ({ announcement: { supported_versions: versions } }) =>
        version === undefined || !versions || versions.includes(version),
    );
    if (able.length === 0) throw new ServiceError(serviceErrors.unsupportedVersion, version);
    const best = able
      .filter(({ announcement }) => !except.has(announcement.id))
      .map((node) => ({ node, score: this.#score(node.announcement, node.available) }))
      .toSorted((a, b) => b.score - a.score)[0];
    if (best && (best.score > 0 || overProvision)) return best.node;
    throw new ServiceError(
      serviceErrors.internal,
      `no capacity left on the ${able.length} node(s) of plan ${plan}`,
    );
  }
}
