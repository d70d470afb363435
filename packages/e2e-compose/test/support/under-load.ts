import { waitFor } from '@vcap/testkit';
import { Load } from './load.ts';
import type { Tally } from './load.ts';

/** Twenty requests a second while `work` goes on, and half a second before and after. */
export async function underLoad(port: number, host: string, work: () => Promise<void>): Promise<Tally> {
  const load = new Load(port, host);
  const more = async (requests: number): Promise<void> => {
    const until = load.sent + requests;
    await waitFor(() => load.sent >= until, { timeoutMs: 60_000 });
  };
  try {
    await more(10);
    await work();
    await more(10);
  } finally {
    await load.stop();
  }
  return load.stop();
}
