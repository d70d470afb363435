import preset from '../../jest.preset.js';

/** Generous: a busy machine may take its time; nothing waits for it otherwise. */
export default { ...preset, testTimeout: 60_000 };
