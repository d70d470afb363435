import type { Role, SubjectInfo } from './subject.ts';

/** What a user of the bus may do, in the words of a NATS server's configuration. */
export interface Permissions {
  publish: string[];
  subscribe: string[];
}

/**
 * What a role needs and no more: subjects that it speaks on, those that it listens to, and its own inbox, where answers to
 * its requests come. Answering needs no permission of its own but `allow_responses`.
 */
export function permissionsOf(role: Role, subjects: readonly SubjectInfo[]): Permissions {
  const has = (roles: readonly Role[]): boolean => roles.includes(role) || roles.includes('component');
  const names = (list: readonly SubjectInfo[]): string[] => [...new Set(list.map(({ name }) => name))].sort();
  return {
    publish: names(subjects.filter(({ publishers }) => has(publishers))),
    subscribe: [...names(subjects.filter(({ listeners }) => has(listeners))), `${inboxOf(role)}.>`],
  };
}

/** Beginning of a role's inboxes: no other role can listen to the answers it gets. */
export function inboxOf(role: string): string {
  return `_INBOX_${role.replaceAll('-', '_')}`;
}
