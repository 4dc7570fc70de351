// The tests of the architecture alone, as part of `npm run check`: they need nothing but the files.
import { defineConfig } from 'vitest/config'

export default defineConfig({ test: { include: ['test/architecture/*.test.ts'] } })
