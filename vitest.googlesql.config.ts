// The tests of the generated SQL by an independent GoogleSQL engine: npm run test:googlesql, not part of `npm test`.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/googlesql/*.test.ts'],
    globalSetup: ['test/googlesql/set-up.ts'],
    reporters: ['verbose', './test/closing-line.ts'],
    pool: 'forks',
    // An emulator may take some GB.
    maxWorkers: 1,
    testTimeout: 600_000,
    hookTimeout: 120_000,
  },
})
