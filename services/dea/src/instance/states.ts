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

/**
 * States whose disk is reserved. Not CRASHED: what is left of it is far below its limit and has a budget of its own,
 * and an application that crashes again and again must not fill the DEA with promises.
 */
export const holdsDisk = holdsMemory;

/** States told to the health manager. */
export const isReported = (state: InstanceState): boolean =>
  state === 'STARTING' || state === 'RUNNING' || state === 'CRASHED' || state === 'EVACUATING';

/** States in which a stop has something to do. */
export const isLive = (state: InstanceState): boolean =>
  state === 'BORN' || state === 'STARTING' || state === 'RUNNING' || state === 'EVACUATING';

/** States in which the router sends requests. */
export const isRouted = (state: InstanceState): boolean => state === 'RUNNING' || state === 'EVACUATING';
