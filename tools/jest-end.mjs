/** Ends a run of Jest that something left open would hold up for ever, and says so. Part of jest.preset.js. */
const patienceMs = 10_000;

export default class EndAnyway {
  onRunComplete(_contexts, { numFailedTests, numRuntimeErrorTestSuites, wasInterrupted }) {
    const failed = numFailedTests > 0 || numRuntimeErrorTestSuites > 0 || wasInterrupted === true;
    // Does not keep the process alive itself: where nothing is left open it never comes.
    setTimeout(() => {
      console.error('Something that a test left open was holding up the end (try --detectOpenHandles).');
      process.exit(failed ? 1 : 0);
    }, patienceMs).unref();
  }
}
