import { TunnelError } from '@vcap/tunnel';
import { VmcError } from '../errors.ts';

/** Turns a tunnel's own failure, which names the hop, into one of ours. */
export async function settled<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof TunnelError)) throw error;
    throw new VmcError(`The tunnel could not be opened: ${error.message}`, { cause: error });
  }
}
