// How tests run: in processes of their own, two at a time, for the SDK is native and the machine may be small.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['**/*.test.ts'],
    // They need an engine that takes minutes and 6 GB to build: vitest.googlesql.config.ts.
    exclude: ['node_modules/**', 'dist/**', '.lfm/**', 'test/googlesql/**'],
    globalSetup: ['test/global-setup.ts'],
    reporters: ['default', './test/closing-line.ts'],
    pool: 'forks',
    maxWorkers: 2,
    // For what hangs, and not for what is slow: real processes take seconds, and several times that on a busy machine.
    testTimeout: 180_000,
    hookTimeout: 300_000,
  },
})
