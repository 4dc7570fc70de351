// LINE's rules for message objects: one to five of them, and the fields of each type.
import { fieldErrors, lineError, type Answer, type Detail } from './answers.ts'
import { checkAction } from './action-rules.ts'
import {
  at,
  checkNumber,
  checkOneOf,
  checkText,
  checkUrl,
  fail,
  fieldsAt,
  listAt,
  type Fields,
  type Spot,
} from './field-rules.ts'
import { checkFlex } from './flex-rules.ts'
import { checkImagemap } from './imagemap-rules.ts'
import { checkTemplate } from './template-rules.ts'

const TYPES = [
  'text',
  'textV2',
  'sticker',
  'image',
  'video',
  'audio',
  'location',
  'coupon',
  'imagemap',
  'template',
  'flex',
]

/** Sent back with a `quoteToken`; the others are not. */
const QUOTABLE = ['text', 'textV2', 'sticker', 'image', 'video', 'template', 'flex']

/** The 400 that LINE would give for these messages, or undefined when they are in order. */
export function refuseMessages(messages: unknown): Answer | undefined {
  const errors: Detail[] = []
  const root: Spot = { path: 'messages', style: 'dotted', errors }
  const list = listAt(root, messages, 1, 5)
  let insideAnswer: Answer | undefined
  list?.forEach((value, i) => {
    const message = fieldsAt(at(root, i), value)
    if (message === undefined) return
    const inside: Detail[] = []
    checkMessage(at(root, i), message, { path: '', style: 'pointer', errors: inside })
    if (inside.length > 0)
      insideAnswer ??= lineError(
        400,
        `A message (messages[${i}]) in the request body is invalid`,
        inside,
      )
  })
  return errors.length > 0 ? fieldErrors(errors) : insideAnswer
}

export function isQuotable(message: unknown): boolean {
  return (
    typeof message === 'object' &&
    message !== null &&
    'type' in message &&
    QUOTABLE.includes(String(message.type))
  )
}

/** Flex contents and templates are named by pointers from `inside`; everything else from `spot`. */
function checkMessage(spot: Spot, message: Fields, inside: Spot): void {
  switch (message.type) {
    case 'text':
      checkText(at(spot, 'text'), message.text, { max: 5000 })
      checkEmojis(spot, message)
      break
    case 'textV2':
      checkText(at(spot, 'text'), message.text, { max: 5000 })
      checkSubstitution(spot, message)
      break
    case 'sticker':
      checkText(at(spot, 'packageId'), message.packageId, { max: 20 })
      checkText(at(spot, 'stickerId'), message.stickerId, { max: 20 })
      break
    case 'video':
      checkText(at(spot, 'trackingId'), message.trackingId, { max: 100, optional: true })
      checkMedia(spot, message)
      break
    case 'image':
      checkMedia(spot, message)
      break
    case 'audio':
      checkUrl(at(spot, 'originalContentUrl'), message.originalContentUrl)
      checkNumber(at(spot, 'duration'), message.duration, 1, Number.MAX_SAFE_INTEGER)
      break
    case 'location':
      checkText(at(spot, 'title'), message.title, { max: 100 })
      checkText(at(spot, 'address'), message.address, { max: 100 })
      checkNumber(at(spot, 'latitude'), message.latitude, -90, 90)
      checkNumber(at(spot, 'longitude'), message.longitude, -180, 180)
      break
    case 'coupon':
      checkText(at(spot, 'couponId'), message.couponId, { max: 100 })
      checkText(at(spot, 'deliveryTag'), message.deliveryTag, {
        max: 30,
        optional: true,
        pattern: /^[A-Za-z0-9_]+$/,
      })
      break
    case 'imagemap':
      checkImagemap(spot, message)
      break
    case 'template':
      checkText(at(spot, 'altText'), message.altText, { max: 1500 })
      checkTemplate(at(inside, 'template'), message.template)
      break
    case 'flex':
      checkText(at(spot, 'altText'), message.altText, { max: 1500 })
      checkFlex(inside, message.contents)
      break
    default:
      return checkOneOf(at(spot, 'type'), message.type, TYPES)
  }
  checkQuickReply(at(spot, 'quickReply'), message.quickReply)
  checkSender(at(spot, 'sender'), message.sender)
}

function checkMedia(spot: Spot, message: Fields): void {
  checkUrl(at(spot, 'originalContentUrl'), message.originalContentUrl)
  checkUrl(at(spot, 'previewImageUrl'), message.previewImageUrl)
}

function checkEmojis(spot: Spot, message: Fields): void {
  const inside = at(spot, 'emojis')
  const text = typeof message.text === 'string' ? message.text : ''
  listAt(inside, message.emojis, 0, 20)?.forEach((value, i) => {
    const emoji = fieldsAt(at(inside, i), value)
    if (emoji === undefined) return
    if (typeof emoji.index !== 'number' || text[emoji.index] !== '$')
      fail(at(at(inside, i), 'index'), 'must point at a $ of the text')
    checkText(at(at(inside, i), 'productId'), emoji.productId, { max: 100 })
    checkText(at(at(inside, i), 'emojiId'), emoji.emojiId, { max: 100 })
  })
}

function checkSubstitution(spot: Spot, message: Fields): void {
  const inside = at(spot, 'substitution')
  const substitution = fieldsAt(inside, message.substitution, true) ?? {}
  const entries = Object.entries(substitution)
  if (entries.length > 100) fail(inside, 'Size must be between 0 and 100')
  const seen = { emoji: 0, mention: 0 }
  for (const [key, value] of entries) {
    if (!/^[0-9A-Za-z_]{1,20}$/.test(key)) fail(at(inside, key), 'Invalid value')
    const part = fieldsAt(at(inside, key), value)
    checkOneOf(at(at(inside, key), 'type'), part?.type, ['emoji', 'mention'])
    if (part?.type === 'emoji') seen.emoji++
    if (part?.type === 'mention') seen.mention++
  }
  if (seen.emoji > 20 || seen.mention > 20) fail(inside, 'Size must be between 0 and 20')
  if (typeof message.text !== 'string') return
  // `{{` and `}}` stand for braces; what is left must be a key that is substituted.
  const plain = message.text.replaceAll(/\{\{|\}\}/g, '')
  for (const [, key] of plain.matchAll(/\{([^{}]*)\}/g))
    if (key === undefined || !Object.hasOwn(substitution, key))
      fail(at(spot, 'text'), 'has a placeholder that is not in substitution')
  if (/[{}]/.test(plain.replaceAll(/\{[^{}]*\}/g, '')))
    fail(at(spot, 'text'), 'has a brace that is not closed or not doubled')
}

function checkQuickReply(spot: Spot, value: unknown): void {
  const quickReply = fieldsAt(spot, value, true)
  if (quickReply === undefined) return
  const inside = at(spot, 'items')
  listAt(inside, quickReply.items, 1, 13)?.forEach((entry, i) => {
    const item = fieldsAt(at(inside, i), entry)
    if (item === undefined) return
    checkUrl(at(at(inside, i), 'imageUrl'), item.imageUrl, { optional: true })
    checkAction(at(at(inside, i), 'action'), item.action, {
      labelMax: 20,
      labelOptional: false,
      quickReply: true,
    })
  })
}

function checkSender(spot: Spot, value: unknown): void {
  const sender = fieldsAt(spot, value, true)
  if (sender === undefined) return
  checkText(at(spot, 'name'), sender.name, { max: 20, optional: true })
  checkUrl(at(spot, 'iconUrl'), sender.iconUrl, { optional: true })
}
