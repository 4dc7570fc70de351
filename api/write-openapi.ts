// Writes docs/openapi.json: node api/write-openapi.ts
import { writeFile } from 'node:fs/promises'
import { openApiText } from './openapi.ts'
import { routes } from './routes/all.ts'

await writeFile(new URL('../docs/openapi.json', import.meta.url), openApiText(routes))
