/** One thing that was looked at: `skipped` names why it could not be. */
export interface Finding {
  what: string;
  outcome: 'ok' | 'bad' | 'skipped';
  detail?: string;
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
