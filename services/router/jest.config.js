import preset from '../../jest.preset.js';

/** Two at a time: these tests mostly wait for connections and deadlines. */
export default { ...preset, maxWorkers: 2 };
