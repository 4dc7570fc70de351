// The rules of template messages: buttons, confirm, carousel and image carousel.
import { checkAction } from './action-rules.ts'
import {
  at,
  checkOneOf,
  checkText,
  checkUrl,
  fail,
  fieldsAt,
  isFields,
  listAt,
  type Fields,
  type Spot,
} from './field-rules.ts'

const LABEL = { labelMax: 20, labelOptional: false }

export function checkTemplate(spot: Spot, value: unknown): void {
  const template = fieldsAt(spot, value)
  if (template === undefined) return
  switch (template.type) {
    case 'buttons':
      checkCard(spot, template, { text: 160, textBesideImage: 60, actions: 4 })
      break
    case 'confirm':
      checkText(at(spot, 'text'), template.text, { max: 240, graphemes: true })
      checkActions(spot, template, 2, 2)
      break
    case 'carousel':
      checkCarousel(spot, template)
      break
    case 'image_carousel':
      checkImageCarousel(spot, template)
      break
    default:
      checkOneOf(at(spot, 'type'), template.type, [
        'buttons',
        'confirm',
        'carousel',
        'image_carousel',
      ])
  }
}

function checkActions(spot: Spot, fields: Fields, min: number, max: number): void {
  const inside = at(spot, 'actions')
  listAt(inside, fields.actions, min, max)?.forEach((action, i) =>
    checkAction(at(inside, i), action, LABEL),
  )
}

interface CardRule {
  text: number
  textBesideImage: number
  actions: number
}

function checkCard(spot: Spot, card: Fields, rule: CardRule): void {
  const rich = card.thumbnailImageUrl !== undefined || card.title !== undefined
  checkUrl(at(spot, 'thumbnailImageUrl'), card.thumbnailImageUrl, { optional: true })
  checkText(at(spot, 'title'), card.title, { max: 40, optional: true, graphemes: true })
  checkText(at(spot, 'text'), card.text, {
    max: rich ? rule.textBesideImage : rule.text,
    graphemes: true,
  })
  checkActions(spot, card, 1, rule.actions)
  if (card.defaultAction !== undefined)
    checkAction(at(spot, 'defaultAction'), card.defaultAction, { ...LABEL, labelOptional: true })
}

function checkCarousel(spot: Spot, template: Fields): void {
  const inside = at(spot, 'columns')
  const columns = listAt(inside, template.columns, 1, 10)
  if (columns === undefined) return
  columns.forEach((value, i) => {
    const column = fieldsAt(at(inside, i), value)
    if (column !== undefined)
      checkCard(at(inside, i), column, { text: 120, textBesideImage: 60, actions: 3 })
  })
  const shapes = columns.filter(isFields).map((column) => ({
    actions: Array.isArray(column.actions) ? column.actions.length : 0,
    image: column.thumbnailImageUrl !== undefined,
    title: column.title !== undefined,
  }))
  for (const field of ['actions', 'image', 'title'] as const)
    if (new Set(shapes.map((shape) => shape[field])).size > 1)
      fail(inside, `All columns must have the same ${field}`)
}

function checkImageCarousel(spot: Spot, template: Fields): void {
  const inside = at(spot, 'columns')
  listAt(inside, template.columns, 1, 10)?.forEach((value, i) => {
    const column = fieldsAt(at(inside, i), value)
    if (column === undefined) return
    checkUrl(at(at(inside, i), 'imageUrl'), column.imageUrl)
    checkAction(at(at(inside, i), 'action'), column.action, { labelMax: 12, labelOptional: true })
  })
}
