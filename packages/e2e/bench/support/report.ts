import type { Phase } from './timed-vmc.ts';
import { median } from './statistics.ts';

/** What a figure must be at most. */
export interface Target {
  text: string;
  most: number;
}

/** One measured figure: all its runs, in one unit. */
export interface Figure {
  title: string;
  unit: string;
  runs: number[];
  targets: { value: number; target: Target }[];
  floor?: { what: string; runs: number[] };
  /** One list of phases per run. */
  phases?: Phase[][];
  notes?: string[];
}

/** A figure as text for people. */
export function renderFigure(figure: Figure): string {
  const { title, unit, runs, targets, floor, phases = [], notes = [] } = figure;
  const middle = median(runs);
  const lines = [title, `  runs      ${runs.map(short).join(' ')} ${unit}`];
  lines.push(`  median    ${short(middle)} ${unit} of ${runs.length}`);
  if (floor) {
    const floorMiddle = median(floor.runs);
    lines.push(
      `  floor     ${short(floorMiddle)} ${unit} (${floor.what}; ${floor.runs.map(short).join(' ')})`,
    );
    lines.push(`  ratio     ${(middle / floorMiddle).toFixed(2)} x the floor`);
  }
  for (const [name, at] of medians(phases))
    lines.push(
      `  phase     ${name.padEnd(34)} ${short(at.took).padStart(7)} ms, from ${short(at.from)} to ${short(at.to)}`,
    );
  for (const note of notes) lines.push(`  note      ${note}`);
  for (const { value, target } of targets)
    lines.push(`  target    ${target.text}: ${value <= target.most ? 'met' : 'MISSED'} (${short(value)})`);
  return `${lines.join('\n')}\n`;
}

/** The middle of each phase over all runs that have it, in the order of the first run. */
function medians(runs: Phase[][]): Map<string, { took: number; from: number; to: number }> {
  const byName = Map.groupBy(runs.flat(), ({ name }) => name);
  return new Map(
    [...byName].map(([name, found]) => [
      name,
      {
        took: median(found.map(({ fromMs, toMs }) => toMs - fromMs)),
        from: median(found.map(({ fromMs }) => fromMs)),
        to: median(found.map(({ toMs }) => toMs)),
      },
    ]),
  );
}

function short(value: number): string {
  return value >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toFixed(1);
}
