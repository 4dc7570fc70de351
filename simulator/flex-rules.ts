// The basic rules of Flex messages: sizes, bubbles, boxes and components, not their styling.
import { checkAction } from './action-rules.ts'
import {
  at,
  checkOneOf,
  checkText,
  checkUrl,
  fail,
  fieldsAt,
  listAt,
  type Fields,
  type Spot,
} from './field-rules.ts'

// LINE prints 30 KB and 50 KB without saying which; the smaller reading is the strict one.
const BUBBLE_BYTES = 30_000
const CAROUSEL_BYTES = 50_000
const LABEL = { labelMax: 40, labelOptional: true }
const SIZES = ['nano', 'micro', 'deca', 'hecto', 'kilo', 'mega', 'giga']
const IN_BASELINE = ['icon', 'text', 'filler', 'spacer']
const IN_BOX = [
  'box',
  'button',
  'image',
  'video',
  'icon',
  'text',
  'span',
  'separator',
  'filler',
  'spacer',
]

export function checkFlex(spot: Spot, value: unknown): void {
  const container = fieldsAt(spot, value)
  if (container === undefined) return
  if (container.type === 'bubble') checkBubble(spot, container)
  else if (container.type === 'carousel') checkCarousel(spot, container)
  else checkOneOf(at(spot, 'type'), container.type, ['bubble', 'carousel'])
}

function checkCarousel(spot: Spot, carousel: Fields): void {
  checkBytes(spot, carousel, CAROUSEL_BYTES)
  const inside = at(spot, 'contents')
  const bubbles = listAt(inside, carousel.contents, 1, 12)
  if (bubbles === undefined) return
  const sizes = new Set<unknown>()
  bubbles.forEach((value, i) => {
    const bubble = fieldsAt(at(inside, i), value)
    if (bubble === undefined) return
    sizes.add(bubble.size ?? 'mega')
    if (bubble.type === 'bubble') checkBubble(at(inside, i), bubble)
    else checkOneOf(at(at(inside, i), 'type'), bubble.type, ['bubble'])
  })
  if (sizes.size > 1) fail(inside, 'All bubbles of a carousel must have the same size')
}

function checkBubble(spot: Spot, bubble: Fields): void {
  checkBytes(spot, bubble, BUBBLE_BYTES)
  checkOneOf(at(spot, 'size'), bubble.size, SIZES, true)
  checkOneOf(at(spot, 'direction'), bubble.direction, ['ltr', 'rtl'], true)
  for (const block of ['header', 'body', 'footer'] as const)
    if (bubble[block] !== undefined) checkComponent(at(spot, block), bubble[block], ['box'])
  if (bubble.hero !== undefined)
    checkComponent(at(spot, 'hero'), bubble.hero, ['box', 'image', 'video'])
  if (bubble.action !== undefined) checkAction(at(spot, 'action'), bubble.action, LABEL)
}

function checkBytes(spot: Spot, value: Fields, max: number): void {
  if (Buffer.byteLength(JSON.stringify(value)) > max) fail(spot, `Size must be under ${max} bytes`)
}

function checkComponent(spot: Spot, value: unknown, allowed: readonly string[]): void {
  const component = fieldsAt(spot, value)
  if (component === undefined) return
  const { type } = component
  if (typeof type !== 'string' || !allowed.includes(type))
    return checkOneOf(at(spot, 'type'), type, allowed)
  checkColour(spot, component, 'color')
  checkColour(spot, component, 'backgroundColor')
  checkColour(spot, component, 'borderColor')
  switch (type) {
    case 'box':
      checkBox(spot, component)
      break
    case 'text':
      checkTextComponent(spot, component)
      break
    case 'button':
      checkAction(at(spot, 'action'), component.action, { ...LABEL, labelOptional: false })
      return
    case 'image':
    case 'icon':
    case 'video':
      checkUrl(at(spot, 'url'), component.url)
      if (type === 'video') checkUrl(at(spot, 'previewUrl'), component.previewUrl)
      break
  }
  if (component.action !== undefined) checkAction(at(spot, 'action'), component.action, LABEL)
}

function checkBox(spot: Spot, box: Fields): void {
  checkOneOf(at(spot, 'layout'), box.layout, ['horizontal', 'vertical', 'baseline'])
  const inside = at(spot, 'contents')
  const allowed = box.layout === 'baseline' ? IN_BASELINE : IN_BOX
  listAt(inside, box.contents ?? null, 0, 1000)?.forEach((part, i) =>
    checkComponent(at(inside, i), part, allowed),
  )
}

/** A text component has a text, or spans in its place. */
function checkTextComponent(spot: Spot, component: Fields): void {
  if (component.contents === undefined)
    return checkText(at(spot, 'text'), component.text, { max: 5000 })
  const inside = at(spot, 'contents')
  listAt(inside, component.contents, 1, 1000)?.forEach((part, i) =>
    checkComponent(at(inside, i), part, ['span']),
  )
}

function checkColour(spot: Spot, component: Fields, field: string): void {
  checkText(at(spot, field), component[field], {
    max: 9,
    optional: true,
    pattern: /^#([0-9a-f]{6}|[0-9a-f]{8})$/i,
  })
}
