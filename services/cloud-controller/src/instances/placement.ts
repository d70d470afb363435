/** One DEA as placement sees it: its advert less what was reserved since. */
export interface Candidate {
  readonly id: string;
  readonly zone: string;
  /** Undefined: the DEA does not say, and is taken to fit (era A). */
  readonly stacks: readonly string[] | undefined;
  readonly runtimes: readonly string[] | undefined;
  readonly availableMemoryMb: number;
  readonly availableDiskMb: number | undefined;
  /** Instances of the app in question. */
  readonly instancesOfApp: number;
}

/** What one instance asks of a DEA. */
export interface Need {
  readonly appGuid: string;
  readonly stack: string;
  /** Null: any. */
  readonly runtime: string | null;
  readonly memoryMb: number;
  readonly diskMb: number;
}

/**
 * Chooses as the last era did (nats-messages §5): of the DEAs that fit, those of the zone with fewest instances of
 * the app, of these the ones with fewest instances of the app, of these the upper half by free memory, and of these
 * one by lot. `random` gives [0, 1).
 */
export function choose(deas: readonly Candidate[], need: Need, random: () => number): Candidate | undefined {
  const fitting = deas.filter((dea) => fits(dea, need));
  const perZone = new Map<string, number>();
  for (const dea of deas) perZone.set(dea.zone, (perZone.get(dea.zone) ?? 0) + dea.instancesOfApp);
  const inZone = fewest(fitting, (dea) => perZone.get(dea.zone) ?? 0);
  const spread = fewest(inZone, (dea) => dea.instancesOfApp);
  const byMemory = spread.toSorted((left, right) => right.availableMemoryMb - left.availableMemoryMb);
  const upperHalf = byMemory.slice(0, Math.ceil(byMemory.length / 2));
  return upperHalf[Math.min(Math.floor(random() * upperHalf.length), upperHalf.length - 1)];
}

/** Why no DEA fits, for the user; undefined when one does. Names what lacks even where all else is there. */
export function shortage(deas: readonly Candidate[], need: Need): string | undefined {
  if (deas.length === 0) return 'no DEA is there';
  const able = deas.filter((dea) => canRun(dea, need));
  if (able.length === 0) return `no DEA has the runtime ${need.runtime ?? ''} on the stack ${need.stack}`;
  const roomy = able.filter((dea) => dea.availableMemoryMb >= need.memoryMb);
  if (roomy.length === 0) return `no DEA has ${need.memoryMb} MB of memory free`;
  return roomy.some((dea) => hasDisk(dea, need)) ? undefined : `no DEA has ${need.diskMb} MB of disk free`;
}

const canRun = (dea: Candidate, need: Need): boolean =>
  (dea.stacks?.includes(need.stack) ?? true) &&
  (need.runtime === null || (dea.runtimes?.includes(need.runtime) ?? true));

const hasDisk = (dea: Candidate, need: Need): boolean =>
  dea.availableDiskMb === undefined || dea.availableDiskMb >= need.diskMb;

function fits(dea: Candidate, need: Need): boolean {
  return canRun(dea, need) && dea.availableMemoryMb >= need.memoryMb && hasDisk(dea, need);
}

function fewest<T>(list: readonly T[], figure: (item: T) => number): T[] {
  const least = Math.min(...list.map(figure));
  return list.filter((item) => figure(item) === least);
}
