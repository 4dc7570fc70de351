// Routes of contents.
import { type ApiDeps } from '../deps.ts'
import { Problem } from '../problem.ts'
import { reply, route } from '../route.ts'
import { content, contentInput, contentList, contentQuery } from '../schemas/content.ts'
import { idParams } from '../schemas/wire.ts'
import { contentView } from '../views.ts'

const tag = 'contents'

/** The variables of usable messages. @throws Problem content-refused, pointing into the body. */
function variablesOf({ checkContent }: ApiDeps, messages: readonly unknown[]): string[] {
  const check = checkContent(messages)
  if (check.kind === 'usable') return check.variables
  const errors = check.problems.map((problem) => ({
    ...problem,
    pointer: `/messages${problem.pointer ?? ''}`,
  }))
  throw new Problem('content-refused', errors[0]?.detail ?? "The messages can't be used.", {
    errors,
  })
}

export const contentRoutes = [
  route({
    method: 'post',
    path: '/contents',
    operationId: 'createContent',
    summary: 'Registers a content: 1 to 5 LINE message objects, with Liquid variables.',
    tag,
    body: contentInput,
    answers: { 201: content },
    problems: ['content-refused'],
    handle: async (deps, { body }) => {
      const variables = variablesOf(deps, body.messages)
      const made = await deps.store.contents.create({ ...body, variables })
      return reply(201, contentView(made))
    },
  }),
  route({
    method: 'get',
    path: '/contents',
    operationId: 'listContents',
    summary: 'Lists contents with their latest versions, oldest first.',
    tag,
    answers: { 200: contentList },
    problems: [],
    handle: async ({ store }) =>
      reply(200, { items: (await store.contents.list()).map(contentView) }),
  }),
  route({
    method: 'get',
    path: '/contents/{id}',
    operationId: 'getContent',
    summary: 'Shows the latest version of a content, or the one asked for.',
    tag,
    params: idParams,
    query: contentQuery,
    answers: { 200: content },
    problems: ['not-found'],
    handle: async ({ store }, { params, query }) => {
      const found = await store.contents.find(params.id, query.version)
      if (!found) {
        const version = query.version === undefined ? '' : ` in version ${query.version}`
        throw new Problem('not-found', `There is no content ${params.id}${version}.`)
      }
      return reply(200, contentView(found))
    },
  }),
  route({
    method: 'put',
    path: '/contents/{id}',
    operationId: 'reviseContent',
    summary: 'Adds a version to a content; deliveries that began keep theirs.',
    tag,
    params: idParams,
    body: contentInput,
    answers: { 200: content },
    problems: ['not-found', 'content-refused'],
    handle: async (deps, { params, body }) => {
      const variables = variablesOf(deps, body.messages)
      const revised = await deps.store.contents.revise(params.id, { ...body, variables })
      if (!revised) throw new Problem('not-found', `There is no content ${params.id}.`)
      return reply(200, contentView(revised))
    },
  }),
]
