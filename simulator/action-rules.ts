// The rules of actions: what a button, an area or a quick reply does when it is touched.
import { at, checkOneOf, checkText, checkUrl, fail, fieldsAt, type Spot } from './field-rules.ts'

export interface ActionPlace {
  labelMax: number
  labelOptional: boolean
  /** camera, cameraRoll and location exist in quick replies only. */
  quickReply?: boolean
}

const ANYWHERE = ['postback', 'message', 'uri', 'datetimepicker', 'clipboard']
const QUICK_REPLY = [...ANYWHERE, 'camera', 'cameraRoll', 'location']

export function checkAction(spot: Spot, value: unknown, place: ActionPlace): void {
  const action = fieldsAt(spot, value)
  if (action === undefined) return
  const types = place.quickReply === true ? QUICK_REPLY : ANYWHERE
  const { type } = action
  if (typeof type !== 'string' || !types.includes(type))
    return checkOneOf(at(spot, 'type'), type, types)
  checkText(at(spot, 'label'), action.label, {
    max: place.labelMax,
    optional: place.labelOptional,
    graphemes: true,
  })
  switch (type) {
    case 'postback':
      checkText(at(spot, 'data'), action.data, { max: 300 })
      for (const field of ['displayText', 'text', 'fillInText'])
        checkText(at(spot, field), action[field], { max: 300, optional: true, graphemes: true })
      if (action.displayText !== undefined && action.text !== undefined)
        fail(at(spot, 'text'), 'displayText and text can not be used together')
      break
    case 'message':
      checkText(at(spot, 'text'), action.text, { max: 300, graphemes: true })
      break
    case 'uri':
      checkUrl(at(spot, 'uri'), action.uri, {
        max: 1000,
        schemes: ['http', 'https', 'line', 'tel'],
      })
      break
    case 'clipboard':
      checkText(at(spot, 'clipboardText'), action.clipboardText, { max: 1000 })
      break
    case 'datetimepicker':
      checkText(at(spot, 'data'), action.data, { max: 300 })
      checkOneOf(at(spot, 'mode'), action.mode, ['date', 'time', 'datetime'])
      // One mode's texts are all of one form, so their order is the order of the instants.
      if (typeof action.min === 'string' && typeof action.max === 'string')
        if (action.min >= action.max) fail(at(spot, 'min'), 'min must be less than max')
      break
  }
}
