// LINE's rules for template messages (reference, "Template messages").
import { checkAction } from './action-rules.ts'
import { type Fields, type Inspection } from './inspection.ts'

/** Looks at the `template` of a template message. */
export function checkTemplate(inspection: Inspection, value: unknown, pointer: string): void {
  const template = inspection.object(value, pointer)
  if (template === undefined) return
  switch (template['type']) {
    case 'buttons':
      checkPicture(inspection, template, pointer)
      return checkBlock(inspection, template, pointer, { plain: 160, maxActions: 4 })
    case 'confirm':
      inspection.text(template, pointer, 'text', { max: 240, counted: 'graphemes' })
      return checkActions(inspection, template, pointer, 2, 2)
    case 'carousel':
      checkPicture(inspection, template, pointer)
      return checkColumns(inspection, template, pointer)
    case 'image_carousel':
      return checkImageColumns(inspection, template, pointer)
    default:
      return inspection.report(
        `${pointer}/type`,
        '"type" must be buttons, confirm, carousel or image_carousel.',
      )
  }
}

function checkColumns(inspection: Inspection, template: Fields, pointer: string): void {
  const columns = inspection.list(template, pointer, 'columns', { min: 1, max: 10 })
  const first = columns?.[0]
  columns?.forEach((value, n) => {
    const at = `${pointer}/columns/${n}`
    const column = inspection.object(value, at)
    if (column === undefined) return
    checkBlock(inspection, column, at, { plain: 120, maxActions: 3 })
    if (n === 0 || typeof first !== 'object' || first === null) return
    const model = first as Fields
    if (sizeOf(column['actions']) !== sizeOf(model['actions'])) {
      inspection.report(`${at}/actions`, 'Every column must have the same number of actions.')
    }
    for (const name of ['thumbnailImageUrl', 'title']) {
      if ((column[name] === undefined) !== (model[name] === undefined)) {
        inspection.report(`${at}/${name}`, `Either every column has "${name}" or none has.`)
      }
    }
  })
}

/** Title, text, picture and actions, which buttons and the columns of a carousel have in common. */
function checkBlock(
  inspection: Inspection,
  block: Fields,
  pointer: string,
  limits: { plain: number; maxActions: number },
): void {
  const isShared = block['thumbnailImageUrl'] !== undefined || block['title'] !== undefined
  const optional = { isRequired: false }
  inspection.url(block, pointer, 'thumbnailImageUrl', optional)
  checkColour(inspection, block, pointer, 'imageBackgroundColor')
  inspection.text(block, pointer, 'title', { max: 40, counted: 'graphemes', ...optional })
  const max = isShared ? 60 : limits.plain
  inspection.text(block, pointer, 'text', { max, counted: 'graphemes' })
  if (block['defaultAction'] !== undefined) {
    checkAction(inspection, block['defaultAction'], `${pointer}/defaultAction`, 'tap')
  }
  checkActions(inspection, block, pointer, 1, limits.maxActions)
}

function checkImageColumns(inspection: Inspection, template: Fields, pointer: string): void {
  const columns = inspection.list(template, pointer, 'columns', { min: 1, max: 10 })
  columns?.forEach((value, n) => {
    const at = `${pointer}/columns/${n}`
    const column = inspection.object(value, at)
    if (column === undefined) return
    inspection.url(column, at, 'imageUrl')
    checkAction(inspection, column['action'], `${at}/action`, 'imageCarousel')
  })
}

function checkActions(
  inspection: Inspection,
  fields: Fields,
  pointer: string,
  min: number,
  max: number,
): void {
  const actions = inspection.list(fields, pointer, 'actions', { min, max })
  actions?.forEach((action, n) =>
    checkAction(inspection, action, `${pointer}/actions/${n}`, 'template'),
  )
}

function checkPicture(inspection: Inspection, fields: Fields, pointer: string): void {
  const optional = { isRequired: false }
  inspection.choice(fields, pointer, 'imageAspectRatio', {
    of: ['rectangle', 'square'],
    ...optional,
  })
  inspection.choice(fields, pointer, 'imageSize', { of: ['cover', 'contain'], ...optional })
}

function checkColour(inspection: Inspection, fields: Fields, pointer: string, name: string): void {
  inspection.text(fields, pointer, name, {
    max: 7,
    isRequired: false,
    pattern: /^#[0-9a-f]{6}$/i,
    form: 'a colour in the form #RRGGBB',
  })
}

function sizeOf(value: unknown): number {
  return Array.isArray(value) ? value.length : 0
}
