import type { Instance } from './instance.ts';
import type { InstanceState } from './states.ts';

/** What the readers of an instance's log are told of a change of state; the last words are said where it ends. */
export function lineOf({ message, state, stopReason }: Instance, from: InstanceState): string | undefined {
  switch (state) {
    case 'STARTING':
      return from === 'RESUMING' ? undefined : `starting version ${message.version}`;
    case 'RUNNING':
      return from === 'RESUMING' ? undefined : 'running';
    case 'EVACUATING':
      return 'this DEA is being emptied: a copy starts elsewhere, until then this one serves on';
    case 'STOPPING':
      return stopReason === 'STOPPED' ? 'stopping' : 'stopping: the DEA shuts down';
    default:
      return undefined;
  }
}
