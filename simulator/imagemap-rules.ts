// The rules of imagemap messages.
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

const LINKS = ['http', 'https', 'line', 'tel']

export function checkImagemap(spot: Spot, message: Fields): void {
  checkUrl(at(spot, 'baseUrl'), message.baseUrl)
  checkText(at(spot, 'altText'), message.altText, { max: 1500 })
  const size = fieldsAt(at(spot, 'baseSize'), message.baseSize)
  if (size !== undefined) {
    if (size.width !== 1040) fail(at(at(spot, 'baseSize'), 'width'), 'must be 1040')
    checkNumber(at(at(spot, 'baseSize'), 'height'), size.height, 1, 100_000)
  }
  const inside = at(spot, 'actions')
  listAt(inside, message.actions, 0, 50)?.forEach((value, i) => {
    const action = fieldsAt(at(inside, i), value)
    if (action !== undefined) checkArea(at(inside, i), action)
  })
  checkVideo(at(spot, 'video'), message.video)
}

function checkArea(spot: Spot, action: Fields): void {
  checkText(at(spot, 'label'), action.label, { max: 100, optional: true })
  fieldsAt(at(spot, 'area'), action.area)
  if (action.type === 'uri')
    checkUrl(at(spot, 'linkUri'), action.linkUri, { max: 1000, schemes: LINKS })
  else if (action.type === 'message') checkText(at(spot, 'text'), action.text, { max: 400 })
  else if (action.type === 'clipboard')
    checkText(at(spot, 'clipboardText'), action.clipboardText, { max: 1000 })
  else checkOneOf(at(spot, 'type'), action.type, ['uri', 'message', 'clipboard'])
}

function checkVideo(spot: Spot, value: unknown): void {
  const video = fieldsAt(spot, value, true)
  if (video === undefined) return
  checkUrl(at(spot, 'originalContentUrl'), video.originalContentUrl)
  checkUrl(at(spot, 'previewImageUrl'), video.previewImageUrl)
  const link = fieldsAt(at(spot, 'externalLink'), video.externalLink, true)
  if (link === undefined) return
  checkText(at(at(spot, 'externalLink'), 'label'), link.label, { max: 30 })
  checkUrl(at(at(spot, 'externalLink'), 'linkUri'), link.linkUri, { max: 1000, schemes: LINKS })
}
