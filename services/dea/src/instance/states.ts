/** Life of an instance on a DEA. */
export type InstanceState =
  'BORN' | 'STARTING' | 'RUNNING' | 'STOPPING' | 'STOPPED' | 'CRASHED' | 'EVACUATING';

const MOVES: Record<InstanceState, readonly InstanceState[]> = {
  BORN: ['STARTING', 'STOPPING', 'CRASHED'],
  STARTING: ['RUNNING', 'STOPPING', 'CRASHED'],
  RUNNING: ['STOPPING', 'CRASHED', 'EVACUATING'],
  EVACUATING: ['STOPPING', 'CRASHED'],
  STOPPING: ['STOPPED'],
  STOPPED: [],
  CRASHED: ['STOPPED'],
};

/** Whether an instance may go from one state to the other. */
export const canMove = (from: InstanceState, to: InstanceState): boolean => MOVES[from].includes(to);

/** States whose memory is reserved. */
export const holdsMemory = (state: InstanceState): boolean => state !== 'STOPPED' && state !== 'CRASHED';

/** States whose disk is reserved: a crashed instance's files are still there. */
export const holdsDisk = (state: InstanceState): boolean => state !== 'STOPPED';

/** States told to the health manager. */
export const isReported = (state: InstanceState): boolean =>
  state === 'STARTING' || state === 'RUNNING' || state === 'CRASHED' || state === 'EVACUATING';

/** States in which a stop has something to do. */
export const isLive = (state: InstanceState): boolean =>
  state === 'BORN' || state === 'STARTING' || state === 'RUNNING' || state === 'EVACUATING';

/** States in which the router sends requests. */
export const isRouted = (state: InstanceState): boolean => state === 'RUNNING' || state === 'EVACUATING';
