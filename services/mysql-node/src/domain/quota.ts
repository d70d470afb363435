/** One instance as the last pass saw it. */
export interface QuotaState {
  name: string;
  bytes: number;
  /** Its write privileges are taken away. */
  suspended: boolean;
}
export interface QuotaRule {
  /** At this size writing ends. */
  limitBytes: number;
  /** Below this share of the limit writing is given back; less than 1, so that it does not go to and fro. */
  resumeShare: number;
}

/** What to do with an instance; nothing when it may stay as it is. */
export function quotaAction(state: QuotaState, rule: QuotaRule): 'suspend' | 'resume' | undefined {
  if (!state.suspended && state.bytes >= rule.limitBytes) return 'suspend';
  if (state.suspended && state.bytes < rule.limitBytes * rule.resumeShare) return 'resume';
  return undefined;
}
