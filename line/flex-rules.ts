// LINE's rules for Flex messages (reference, "Flex Message"): sizes, and the structure that LINE refuses otherwise.
import { checkAction } from './action-rules.ts'
import { type Fields, type Inspection } from './inspection.ts'

// LINE says 30 KB and 50 KB without a unit; the smaller reading is the safe one.
const largestBubbleBytes = 30_000
const largestCarouselBytes = 50_000
const mostBubbles = 12
const mostAnimatedImages = 10
/** Sizes of bubbles that may hold a video. */
const videoSizes: readonly unknown[] = ['kilo', 'mega', 'giga']
const bubbleSizes = ['nano', 'micro', 'deca', 'hecto', 'kilo', 'mega', 'giga']
/** Components that may stand in a box, by the box's layout. */
const blockContents = ['box', 'button', 'image', 'text', 'separator', 'filler', 'spacer']
const baselineContents = ['icon', 'text', 'filler', 'spacer']

/** Looks at the `contents` of a Flex message. */
export function checkFlex(inspection: Inspection, value: unknown, pointer: string): void {
  const container = inspection.object(value, pointer)
  if (container === undefined) return
  if (container['type'] === 'bubble') {
    checkBubble(inspection, container, pointer, false)
  } else if (container['type'] === 'carousel') {
    checkCarousel(inspection, container, pointer)
  } else {
    inspection.report(`${pointer}/type`, '"type" must be bubble or carousel.')
    return
  }
  if (countAnimated(container) > mostAnimatedImages) {
    inspection.report(pointer, `At most ${mostAnimatedImages} images of a message may be animated.`)
  }
}

function checkCarousel(inspection: Inspection, carousel: Fields, pointer: string): void {
  checkBytes(inspection, carousel, pointer, largestCarouselBytes)
  const bubbles = inspection.list(carousel, pointer, 'contents', { min: 1, max: mostBubbles })
  const sizes = new Set<unknown>()
  bubbles?.forEach((value, n) => {
    const at = `${pointer}/contents/${n}`
    const bubble = inspection.object(value, at)
    if (bubble === undefined) return
    if (bubble['type'] !== 'bubble') {
      inspection.report(`${at}/type`, 'A carousel holds bubbles only.')
      return
    }
    sizes.add(bubble['size'] ?? 'mega')
    checkBubble(inspection, bubble, at, true)
  })
  if (sizes.size > 1) {
    inspection.report(`${pointer}/contents`, 'All bubbles of a carousel must have the same size.')
  }
}

function checkBubble(
  inspection: Inspection,
  bubble: Fields,
  pointer: string,
  isInCarousel: boolean,
): void {
  checkBytes(inspection, bubble, pointer, largestBubbleBytes)
  inspection.choice(bubble, pointer, 'size', { of: bubbleSizes, isRequired: false })
  inspection.choice(bubble, pointer, 'direction', { of: ['ltr', 'rtl'], isRequired: false })
  if (bubble['action'] !== undefined) {
    checkAction(inspection, bubble['action'], `${pointer}/action`, 'tap')
  }
  for (const name of ['header', 'body', 'footer']) {
    if (bubble[name] !== undefined) {
      checkComponent(inspection, bubble[name], `${pointer}/${name}`, ['box'])
    }
  }
  if (bubble['hero'] === undefined) return
  checkComponent(inspection, bubble['hero'], `${pointer}/hero`, ['box', 'image', 'video'])
  const size = bubble['size'] ?? 'mega'
  const mayPlay = !isInCarousel && videoSizes.includes(size)
  if (typeOf(bubble['hero']) === 'video' && !mayPlay) {
    inspection.report(
      `${pointer}/hero`,
      `A video may stand only in a bubble of size ${videoSizes.join(', ')} outside a carousel.`,
    )
  }
}

function checkComponent(
  inspection: Inspection,
  value: unknown,
  pointer: string,
  allowed: readonly string[],
): void {
  const component = inspection.object(value, pointer)
  if (component === undefined) return
  const type = component['type']
  if (typeof type !== 'string' || !allowed.includes(type)) {
    inspection.report(`${pointer}/type`, `Here "type" must be one of ${allowed.join(', ')}.`)
    return
  }
  for (const name of ['color', 'backgroundColor', 'borderColor']) {
    inspection.text(component, pointer, name, {
      max: 9,
      isRequired: false,
      pattern: /^#([0-9a-f]{6}|[0-9a-f]{8})$/i,
      form: 'a colour in the form #RRGGBB or #RRGGBBAA',
    })
  }
  if (component['action'] !== undefined || type === 'button') {
    const place = type === 'button' ? 'flexButton' : 'tap'
    checkAction(inspection, component['action'], `${pointer}/action`, place)
  }
  if (type === 'box') checkBox(inspection, component, pointer)
  else if (type === 'text') checkText(inspection, component, pointer)
  else if (type === 'image' || type === 'icon') checkImage(inspection, component, pointer)
  else if (type === 'video') checkVideo(inspection, component, pointer)
}

function checkBox(inspection: Inspection, box: Fields, pointer: string): void {
  inspection.choice(box, pointer, 'layout', { of: ['horizontal', 'vertical', 'baseline'] })
  const allowed = box['layout'] === 'baseline' ? baselineContents : blockContents
  const contents = inspection.list(box, pointer, 'contents', { min: 0, max: Infinity })
  contents?.forEach((item, n) =>
    checkComponent(inspection, item, `${pointer}/contents/${n}`, allowed),
  )
}

function checkText(inspection: Inspection, text: Fields, pointer: string): void {
  const spans = inspection.list(text, pointer, 'contents', {
    min: 1,
    max: Infinity,
    isRequired: false,
  })
  const isRequired = spans === undefined
  inspection.text(text, pointer, 'text', { max: largestBubbleBytes, isRequired })
  spans?.forEach((span, n) =>
    checkComponent(inspection, span, `${pointer}/contents/${n}`, ['span']),
  )
}

function checkImage(inspection: Inspection, image: Fields, pointer: string): void {
  inspection.url(image, pointer, 'url')
  const ratio = image['aspectRatio']
  if (ratio === undefined || inspection.isOpen(ratio)) return
  const [, width, height] =
    /^(\d{1,6}):(\d{1,6})$/.exec(typeof ratio === 'string' ? ratio : '') ?? []
  const isRight =
    width !== undefined &&
    Number(width) > 0 &&
    Number(height) > 0 &&
    Number(height) <= 3 * Number(width)
  if (!isRight) {
    inspection.report(
      `${pointer}/aspectRatio`,
      '"aspectRatio" must have the form width:height, with a height of at most three times the width.',
    )
  }
}

function checkVideo(inspection: Inspection, video: Fields, pointer: string): void {
  inspection.url(video, pointer, 'url')
  inspection.url(video, pointer, 'previewUrl')
  checkComponent(inspection, video['altContent'], `${pointer}/altContent`, ['box', 'image'])
}

function checkBytes(inspection: Inspection, fields: Fields, pointer: string, max: number): void {
  const json = JSON.stringify(fields)
  if (inspection.isOpen(json)) return
  // A UTF-16 code unit takes at most 3 bytes, so most containers need no second look.
  if (json.length * 3 <= max || Buffer.byteLength(json) <= max) return
  inspection.report(pointer, `This ${String(fields['type'])} is larger than ${max} bytes of JSON.`)
}

function countAnimated(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  const isAnimated = 'animated' in value && value.animated === true
  let count = isAnimated ? 1 : 0
  for (const inner of Object.values(value)) count += countAnimated(inner)
  return count
}

function typeOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'type' in value ? value.type : undefined
}
