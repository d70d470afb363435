import { holdsIndex } from './types.ts';
import type { ActualView, DesiredView, Settings } from './types.ts';

declare const proven: unique symbol;

/**
 * A view that was proved current. Only this file makes one, and `analyse` takes nothing else, so that no code path can
 * start or stop anything on ignorance.
 */
export type Fresh<T> = T & { readonly [proven]: true };

/** A fresh view, or why there is none. */
export type Assessment<T> =
  { readonly fresh: true; readonly view: Fresh<T> } | { readonly fresh: false; readonly why: string };

/** The desired state with a verdict on what it leaves out. */
export interface TrustedDesired extends DesiredView {
  /** Whether an app's absence means that it is gone; false while the feed leaves out suspiciously much. */
  readonly absenceTrusted: boolean;
}

/** Judges the last complete walk; `now` is monotonic ms. */
export function assessDesired(
  view: DesiredView | undefined,
  absenceTrusted: boolean,
  settings: Settings,
  now: number,
): Assessment<TrustedDesired> {
  if (view === undefined) return { fresh: false, why: 'no complete fetch yet' };
  if (now - view.finishedAt > settings.desiredStaleMs)
    return { fresh: false, why: 'the last complete fetch is too old' };
  return { fresh: true, view: { ...view, absenceTrusted } as Fresh<TrustedDesired> };
}

/** What is known about how well the DEAs are heard; monotonic ms. */
export interface Hearing {
  /** Since when the bus connection is unbroken; undefined while there is none. */
  readonly connectedSince: number | undefined;
  /** When any DEA was heard last. */
  readonly lastHeard: number | undefined;
  /** When a DEA was first heard after a silence that made the view worthless. */
  readonly heardAgainAt: number | undefined;
}

/**
 * Judges the actual state: fresh after an unbroken connection of `freshnessMs`. A silence of all DEAs (a frozen bus, or
 * this process was frozen) shorter than what loses an instance revokes that, and the time counts anew from the first
 * message after it: otherwise the first pass would take everything for lost.
 */
export function assessActual(
  view: ActualView,
  hearing: Hearing,
  settings: Settings,
  now: number,
): Assessment<ActualView> {
  const { connectedSince, lastHeard, heardAgainAt } = hearing;
  if (connectedSince === undefined) return { fresh: false, why: 'not connected to the bus' };
  if (isDeaf(connectedSince, lastHeard, settings, now)) return { fresh: false, why: 'no DEA is heard' };
  if (now - Math.max(connectedSince, heardAgainAt ?? 0) < settings.freshnessMs) {
    return { fresh: false, why: 'listening for less than the freshness time' };
  }
  return { fresh: true, view: view as Fresh<ActualView> };
}

/** Whether the silence is as long as two thirds of what loses an instance. */
export function isDeaf(
  since: number,
  lastHeard: number | undefined,
  settings: Settings,
  now: number,
): boolean {
  return now - Math.max(since, lastHeard ?? 0) > (settings.lostMs * 2) / 3;
}

/**
 * Whether a walk leaves out so much of what runs that the feed is the likelier fault: all of it, or at least two apps
 * that make a quarter. A single orphan among others is believed.
 */
export function leavesOutTooMuch(desired: DesiredView, actual: ActualView): boolean {
  let running = 0;
  let absent = 0;
  for (const [app, instances] of actual.apps) {
    if (![...instances.values()].some(holdsIndex)) continue;
    running += 1;
    if (!desired.apps.has(app) && !desired.opaque.has(app)) absent += 1;
  }
  if (desired.apps.size === 0) return absent > 0;
  return absent >= 2 && absent * 4 >= running;
}
