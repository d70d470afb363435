import type { Acls } from '@vcap/service-api';

interface People {
  users?: string[] | null | undefined;
  wildcards?: string[] | null | undefined;
}

/** Whether a service lets this user in; a list that is empty lets everyone in. */
function admits(people: People | null | undefined, email: string): boolean {
  const users = people?.users ?? [];
  const wildcards = people?.wildcards ?? [];
  if (users.length === 0 && wildcards.length === 0) return true;
  return users.some((user) => user.toLowerCase() === email) || wildcards.some((each) => matches(each, email));
}

/** `*` stands for any text; everything else for itself. */
function matches(wildcard: string, email: string): boolean {
  const parts = wildcard.toLowerCase().split('*');
  const [first = '', ...rest] = parts;
  if (rest.length === 0) return first === email;
  if (!email.startsWith(first)) return false;
  let at = first.length;
  const last = rest.pop() ?? '';
  for (const part of rest) {
    const found = email.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return email.length - last.length >= at && email.endsWith(last);
}

/** Whether the user may see and use a plan: the service's list and the plan's must both let them in. */
export function planVisible(acls: Acls | null, plan: string, email: string): boolean {
  if (acls === null) return true;
  const ofPlan = Object.hasOwn(acls.plans ?? {}, plan) ? acls.plans?.[plan] : undefined;
  return admits(acls, email) && admits(ofPlan, email);
}
