/** How the global set-up tells the tests what it found. */
export const skipVariable = 'VCAP_E2E_COMPOSE_SKIPPED';
export const startedVariable = 'VCAP_E2E_COMPOSE_ENGINE_STARTED';
export const projectOf = 'VCAP_E2E_COMPOSE_PROJECT';

/** Whether containers can be had; the reason why not was printed before. */
export const usable = (): boolean => process.env[skipVariable] === undefined;
