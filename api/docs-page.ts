// The documentation page: the operations of the API in one HTML file that needs nothing else.
import { z } from 'zod'
import { type ProblemKind, problemKinds } from './problem.ts'
import { type Route } from './route.ts'

/** Text made safe for HTML, in elements and quoted attributes. */
function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)
}

const style = `body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}
code,pre{font:13px/1.4 ui-monospace,monospace}pre{background:#f5f5f5;padding:.6rem;overflow:auto}
details{border-top:1px solid #ddd;padding:.4rem 0}summary{cursor:pointer}
b.m{display:inline-block;width:3.5rem;color:#06753a}h2{margin-top:2rem}`

function schemaText(label: string, schema: z.ZodType | undefined, io: 'input' | 'output'): string {
  if (!schema) return ''
  const text = JSON.stringify({ ...z.toJSONSchema(schema, { io }), $schema: undefined }, null, 2)
  return `<p>${label}</p><pre>${escapeHtml(text)}</pre>`
}

function operation(route: Route): string {
  const answers = Object.entries(route.answers).map(([status, schema]) =>
    schemaText(`Answer ${status}`, schema, 'output'),
  )
  const problems = route.problems.map((kind) => `<a href="/problems/${kind}">${kind}</a>`)
  return `<details id="${route.operationId}"><summary><b class="m">${route.method.toUpperCase()}</b>
<code>/api/v1${escapeHtml(route.path)}</code> ${escapeHtml(route.summary)}</summary>
${schemaText('Query', route.query, 'input')}${schemaText('Body', route.body, 'input')}${route.upload ? `<p>Body: <code>${route.upload.contentType}</code>. ${escapeHtml(route.upload.description)}</p>` : ''}
${answers.join('')}${route.stream ? `<p>Answer 200: <code>${route.stream.contentType}</code>. ${escapeHtml(route.stream.description)}</p>` : ''}
${problems.length > 0 ? `<p>Problems: ${problems.join(', ')}</p>` : ''}</details>`
}

function page(title: string, body: string): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${title}</title><style>${style}</style><h1>${title}</h1>${body}</html>\n`
}

/** The page of all operations, by tag. */
export function docsPage(routes: readonly Route[]): string {
  const byTag = Map.groupBy(routes, ({ tag }) => tag)
  const sections = [...byTag].map(([tag, of]) => `<h2>${tag}</h2>${of.map(operation).join('')}`)
  return page(
    'LFM admin API',
    `<p>Send <code>authorization: Bearer &lt;token&gt;</code> with every request. As OpenAPI 3.1:
<a href="/api/v1/openapi.json">openapi.json</a>. On the command line: <code>npm run lfm -- --help</code>.</p>${sections.join('')}`,
  )
}

/** The page of one kind of problem. */
export function problemPage(kind: ProblemKind): string {
  const { status, title, explanation } = problemKinds[kind]
  return page(
    escapeHtml(title),
    `<p><code>${kind}</code>, status ${status}</p><p>${escapeHtml(explanation)}</p><p><a href="/docs">All operations</a></p>`,
  )
}
