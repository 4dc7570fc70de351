// LINE's rules for message objects, checked before LINE sees them (reference, "Message objects").
import { checkAction } from './action-rules.ts'
import { checkFlex } from './flex-rules.ts'
import { checkImagemap } from './imagemap-rules.ts'
import {
  createInspection,
  type Fields,
  type Inspection,
  type MessageProblem,
} from './inspection.ts'
import { checkTemplate } from './template-rules.ts'

/** Most messages of one request. */
const mostMessages = 5
const longestText = 5000
const longestAltText = 1500

/**
 * Everything that LINE would refuse about these messages, as far as its rules can be checked here; none where they pass.
 * Fields that LINE may add are tolerated, types aren't. With `areTemplates`, texts that hold Liquid are left open: they
 * are checked again when they have been rendered.
 */
export function checkMessages(
  messages: unknown,
  options: { areTemplates: boolean } = { areTemplates: false },
): readonly MessageProblem[] {
  const inspection = createInspection(options)
  if (!Array.isArray(messages) || messages.length < 1 || messages.length > mostMessages) {
    inspection.report('', `There must be a list of 1 to ${mostMessages} messages.`)
    return inspection.problems
  }
  messages.forEach((message, n) => checkMessage(inspection, message, `/${n}`))
  return inspection.problems
}

function checkMessage(inspection: Inspection, value: unknown, pointer: string): void {
  const message = inspection.object(value, pointer)
  if (message === undefined) return
  const check = rules.get(message['type'])
  if (check === undefined) {
    inspection.report(`${pointer}/type`, `"type" must be one of ${[...rules.keys()].join(', ')}.`)
    return
  }
  check(inspection, message, pointer)
  checkQuickReply(inspection, message, pointer)
  checkSender(inspection, message, pointer)
  if (message['quoteToken'] !== undefined) {
    // A quote answers one message of one chat; a delivery to a segment has none.
    inspection.report(`${pointer}/quoteToken`, 'A delivery cannot quote a message.')
  }
}

type Rule = (inspection: Inspection, message: Fields, pointer: string) => void

const rules: ReadonlyMap<unknown, Rule> = new Map<string, Rule>([
  ['text', checkText],
  ['textV2', checkTextV2],
  [
    'sticker',
    (inspection, message, pointer) => {
      inspection.text(message, pointer, 'packageId', { max: 100 })
      inspection.text(message, pointer, 'stickerId', { max: 100 })
    },
  ],
  [
    'image',
    (inspection, message, pointer) => {
      inspection.url(message, pointer, 'originalContentUrl')
      inspection.url(message, pointer, 'previewImageUrl')
    },
  ],
  [
    'video',
    (inspection, message, pointer) => {
      inspection.url(message, pointer, 'originalContentUrl')
      inspection.url(message, pointer, 'previewImageUrl')
      inspection.text(message, pointer, 'trackingId', { max: 100, isRequired: false })
    },
  ],
  [
    'audio',
    (inspection, message, pointer) => {
      inspection.url(message, pointer, 'originalContentUrl')
      inspection.number(message, pointer, 'duration', { min: 1, max: Number.MAX_SAFE_INTEGER })
    },
  ],
  [
    'location',
    (inspection, message, pointer) => {
      inspection.text(message, pointer, 'title', { max: 100 })
      inspection.text(message, pointer, 'address', { max: 100 })
      inspection.number(message, pointer, 'latitude', { min: -90, max: 90 })
      inspection.number(message, pointer, 'longitude', { min: -180, max: 180 })
    },
  ],
  [
    'coupon',
    (inspection, message, pointer) => {
      inspection.text(message, pointer, 'couponId', { max: 100 })
      inspection.text(message, pointer, 'deliveryTag', {
        max: 30,
        isRequired: false,
        pattern: /^\w+$/,
        form: 'of letters, digits and underscores',
      })
    },
  ],
  [
    'imagemap',
    (inspection, message, pointer) => {
      inspection.text(message, pointer, 'altText', { max: longestAltText })
      checkImagemap(inspection, message, pointer)
    },
  ],
  [
    'template',
    (inspection, message, pointer) => {
      inspection.text(message, pointer, 'altText', { max: longestAltText })
      checkTemplate(inspection, message['template'], `${pointer}/template`)
    },
  ],
  [
    'flex',
    (inspection, message, pointer) => {
      inspection.text(message, pointer, 'altText', { max: longestAltText })
      checkFlex(inspection, message['contents'], `${pointer}/contents`)
    },
  ],
])

function checkText(inspection: Inspection, message: Fields, pointer: string): void {
  inspection.text(message, pointer, 'text', { max: longestText })
  const emojis = inspection.list(message, pointer, 'emojis', { min: 0, max: 20, isRequired: false })
  const { text } = message
  emojis?.forEach((value, n) => {
    const at = `${pointer}/emojis/${n}`
    const emoji = inspection.object(value, at)
    if (emoji === undefined) return
    inspection.text(emoji, at, 'productId', { max: 100 })
    inspection.text(emoji, at, 'emojiId', { max: 100 })
    const { index } = emoji
    if (typeof text !== 'string' || inspection.isOpen(text)) return
    if (typeof index !== 'number' || text[index] !== '$') {
      inspection.report(`${at}/index`, '"index" must be the position of a $ in the text.')
    }
  })
}

function checkTextV2(inspection: Inspection, message: Fields, pointer: string): void {
  inspection.text(message, pointer, 'text', { max: longestText })
  const { substitution } = message
  if (substitution === undefined || substitution === null) return
  const at = `${pointer}/substitution`
  const entries = Object.entries(inspection.object(substitution, at) ?? {})
  if (entries.length > 100) inspection.report(at, '"substitution" has more than 100 entries.')
  let emojis = 0
  for (const [key, value] of entries) {
    if (!/^[0-9A-Za-z_]{1,20}$/.test(key)) {
      inspection.report(at, 'Keys must be of 1 to 20 letters, digits and underscores.')
    }
    const here = `${at}/${escapePointer(key)}`
    const type = inspection.object(value, here)?.['type']
    if (type === 'emoji') emojis += 1
    else if (type === 'mention') {
      inspection.report(here, 'Mentions work only in groups and rooms, where nothing is delivered.')
    } else inspection.report(`${here}/type`, '"type" must be emoji.')
  }
  if (emojis > 20) inspection.report(at, 'There may be at most 20 emoji.')
}

function checkQuickReply(inspection: Inspection, message: Fields, pointer: string): void {
  const { quickReply } = message
  if (quickReply === undefined || quickReply === null) return
  const at = `${pointer}/quickReply`
  const fields = inspection.object(quickReply, at)
  const items =
    fields === undefined ? undefined : inspection.list(fields, at, 'items', { min: 1, max: 13 })
  items?.forEach((value, n) => {
    const item = inspection.object(value, `${at}/items/${n}`)
    if (item === undefined) return
    inspection.url(item, `${at}/items/${n}`, 'imageUrl', { isRequired: false })
    checkAction(inspection, item['action'], `${at}/items/${n}/action`, 'quickReply')
  })
}

function checkSender(inspection: Inspection, message: Fields, pointer: string): void {
  const { sender } = message
  if (sender === undefined || sender === null) return
  const at = `${pointer}/sender`
  const fields = inspection.object(sender, at)
  if (fields === undefined) return
  inspection.text(fields, at, 'name', { max: 20, isRequired: false })
  inspection.url(fields, at, 'iconUrl', { isRequired: false })
}

function escapePointer(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1')
}
