// Prints, as the last line of a test run, how many tests passed, failed and were skipped.
import { type Reporter, type TestModule } from 'vitest/node'

export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const counts = { passed: 0, failed: 0, skipped: 0 }
    for (const testModule of modules) {
      const before = counts.failed
      for (const test of testModule.children.allTests()) {
        const { state } = test.result()
        counts[state === 'pending' ? 'skipped' : state] += 1
      }
      // A file that breaks before its tests run has failed as well.
      if (testModule.state() === 'failed' && counts.failed === before) counts.failed += 1
    }
    process.on('exit', () => {
      process.stdout.write(
        `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`,
      )
    })
  }
}
