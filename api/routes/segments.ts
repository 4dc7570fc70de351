// Routes of segments.
import { deleteSegment } from '../delete-segment.ts'
import { Problem } from '../problem.ts'
import { reply, route, uploadRoute } from '../route.ts'
import {
  segment,
  segmentInput,
  segmentList,
  segmentPreview,
  segmentPreviewInput,
  segmentUpload,
  segmentUploadQuery,
} from '../schemas/segment.ts'
import { idParams } from '../schemas/wire.ts'
import { inspectSegment } from '../segment-check.ts'
import { uploadSegment } from '../upload-segment.ts'
import { segmentView } from '../views.ts'

const tag = 'segments'
const notFound = (id: string) => new Problem('not-found', `There is no segment ${id}.`)
const deleted = (id: string) =>
  new Problem('segment-deleted', `The segment ${id} was deleted and can't be changed any more.`)

export const segmentRoutes = [
  route({
    method: 'post',
    path: '/segments',
    operationId: 'createSegment',
    summary: 'Registers a segment: one SELECT that yields user_id, and columns for variables.',
    tag,
    body: segmentInput,
    answers: { 201: segment },
    problems: ['segment-refused', 'warehouse-away'],
    handle: async (deps, { body }) => {
      await inspectSegment(deps, body.sql, [])
      const { dialect } = deps.warehouse
      const made = await deps.store.segments.create({ ...body, dialect })
      return reply(201, segmentView(made))
    },
  }),
  route({
    method: 'get',
    path: '/segments',
    operationId: 'listSegments',
    summary: 'Lists segments, oldest first.',
    tag,
    answers: { 200: segmentList },
    problems: [],
    handle: async ({ store }) =>
      reply(200, { items: (await store.segments.list()).map(segmentView) }),
  }),
  route({
    method: 'post',
    path: '/segments/preview',
    operationId: 'previewSegment',
    summary: 'Shows what a SELECT yields, without keeping it.',
    tag,
    body: segmentPreviewInput,
    answers: { 200: segmentPreview },
    problems: ['segment-refused', 'warehouse-away'],
    handle: async (deps, { body }) => reply(200, await inspectSegment(deps, body.sql, [])),
  }),
  uploadRoute({
    method: 'post',
    path: '/segments/upload',
    operationId: 'uploadSegment',
    summary: 'Makes a segment of an uploaded list of user ids, with columns for variables.',
    tag,
    query: segmentUploadQuery,
    upload: {
      contentType: 'text/csv',
      description:
        'A CSV whose first line names its columns, user_id among them, or nothing but one user id a line. UTF-8, UTF-16 or Shift_JIS; at most 100 MB.',
    },
    answers: { 201: segmentUpload },
    problems: ['list-refused', 'warehouse-away'],
    handle: async (deps, { query }, request) =>
      reply(201, await uploadSegment(deps, query.name, request)),
  }),
  route({
    method: 'get',
    path: '/segments/{id}',
    operationId: 'getSegment',
    summary: 'Shows a segment.',
    tag,
    params: idParams,
    answers: { 200: segment },
    problems: ['not-found'],
    handle: async ({ store }, { params }) => {
      const found = await store.segments.find(params.id)
      if (!found) throw notFound(params.id)
      return reply(200, segmentView(found))
    },
  }),
  route({
    method: 'put',
    path: '/segments/{id}',
    operationId: 'updateSegment',
    summary: 'Changes a segment for deliveries that start from now on.',
    tag,
    params: idParams,
    body: segmentInput,
    answers: { 200: segment },
    problems: ['not-found', 'segment-deleted', 'segment-refused', 'warehouse-away'],
    handle: async (deps, { params, body }) => {
      await inspectSegment(deps, body.sql, [])
      const { dialect } = deps.warehouse
      const changed = await deps.store.segments.update(params.id, { ...body, dialect })
      if (changed) return reply(200, segmentView(changed))
      throw (await deps.store.segments.find(params.id)) ? deleted(params.id) : notFound(params.id)
    },
  }),
  route({
    method: 'delete',
    path: '/segments/{id}',
    operationId: 'deleteSegment',
    summary:
      'Deletes a segment, and with it the list that was uploaded as it; asked for again, it answers the same.',
    tag,
    params: idParams,
    answers: { 200: segment },
    problems: ['not-found', 'segment-in-use', 'warehouse-away'],
    handle: async (deps, { params }) =>
      reply(200, segmentView(await deleteSegment(deps, params.id))),
  }),
]
