// What knip can't see by itself, each with its reason.
import { type KnipConfig } from 'knip'

const config: KnipConfig = {
  entry: [
    // The workflow bundler starts here.
    'workflows/index.ts',
    // Forked by its path.
    'embedded/sdk-download.ts',
    'bench/warehouse-driver.ts',
    // Run by hand when a release adds a shape of history.
    'test/replay/record-histories.ts',
    'test/replay/record-open-histories.ts',
  ],
  project: ['**/*.ts'],
  ignoreDependencies: [
    // One shared copy, or replaying a JSON history fails; see docs/decisions/0006.
    'protobufjs',
  ],
  // A type is exported so that a reader, or a test, can name what a function takes or gives.
  ignoreExportsUsedInFile: true,
}

export default config
