/** `mysql-5.1` is the service `mysql` in version `5.1`: split at the last dash. Undefined when it has none. */
export function splitLabel(label: string): { name: string; version: string } | undefined {
  const dash = label.lastIndexOf('-');
  if (dash < 1 || dash === label.length - 1) return undefined;
  return { name: label.slice(0, dash), version: label.slice(dash + 1) };
}

/** The type that API v1 makes up from a vendor's name (api-v1.md §1.1b). */
export function typeOfVendor(vendor: string): 'database' | 'key-value' | 'generic' {
  if (/mysql|postgresql/.test(vendor)) return 'database';
  return /redis|mongodb/.test(vendor) ? 'key-value' : 'generic';
}
