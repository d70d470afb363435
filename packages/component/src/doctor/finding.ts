/** One thing that was looked at: `skipped` names why it could not be. */
export interface Finding {
  what: string;
  outcome: 'ok' | 'bad' | 'skipped';
  detail?: string;
}
/** What a component has looked at besides what all have; it is bad when `look` rejects, with the error's message. */
export interface Check {
  what: string;
  look: () => Promise<unknown>;
}

export async function findingOf({ what, look }: Check): Promise<Finding> {
  try {
    await look();
    return { what, outcome: 'ok' };
  } catch (error) {
    return { what, outcome: 'bad', detail: error instanceof Error ? error.message : String(error) };
  }
}

/** Findings as text for people. */
export function renderFindings(findings: readonly Finding[]): string {
  const label = { ok: 'ok     ', bad: 'BAD    ', skipped: 'skipped' };
  return findings
    .map(
      ({ what, outcome, detail }) =>
        `${label[outcome]}  ${what}${detail === undefined ? '' : ` (${detail})`}\n`,
    )
    .join('');
}
