// LINE's rules for action objects (reference, "Action objects"), which depend on where the action stands.
import { type Fields, type Inspection } from './inspection.ts'

/** Where an action stands: labels and allowed types differ. */
export type ActionPlace = 'template' | 'imageCarousel' | 'quickReply' | 'flexButton' | 'tap'

/** Label limits by place, in graphemes; `tap` is an action on an image, box or bubble, whose label isn't shown. */
const labels: Readonly<Record<ActionPlace, { max: number; isRequired: boolean }>> = {
  template: { max: 20, isRequired: true },
  quickReply: { max: 20, isRequired: true },
  imageCarousel: { max: 12, isRequired: false },
  flexButton: { max: 40, isRequired: true },
  tap: { max: 40, isRequired: false },
}

const dateForms: Readonly<Record<string, RegExp>> = {
  date: /^\d{4}-\d\d-\d\d$/,
  time: /^\d\d:\d\d$/,
  datetime: /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d$/,
}

/** Looks at one action object. */
export function checkAction(
  inspection: Inspection,
  value: unknown,
  pointer: string,
  place: ActionPlace,
): void {
  const action = inspection.object(value, pointer)
  if (action === undefined) return
  inspection.text(action, pointer, 'label', { ...labels[place], counted: 'graphemes' })
  const optional = { max: 300, counted: 'graphemes', isRequired: false } as const
  switch (action['type']) {
    case 'postback':
      inspection.text(action, pointer, 'data', { max: 300 })
      inspection.text(action, pointer, 'displayText', optional)
      inspection.text(action, pointer, 'text', optional)
      inspection.text(action, pointer, 'fillInText', optional)
      if (action['displayText'] !== undefined && action['text'] !== undefined) {
        inspection.report(`${pointer}/text`, '"text" and "displayText" exclude each other.')
      }
      return
    case 'message':
      return inspection.text(action, pointer, 'text', { max: 300, counted: 'graphemes' })
    case 'uri':
      return inspection.text(action, pointer, 'uri', {
        max: 1000,
        pattern: /^(https?:\/\/|line:|tel:)\S+$/i,
        form: 'an address that begins with http, https, line or tel and holds no space',
      })
    case 'datetimepicker':
      return checkDatetimePicker(inspection, action, pointer)
    case 'clipboard':
      return inspection.text(action, pointer, 'clipboardText', { max: 1000 })
    case 'camera':
    case 'cameraRoll':
    case 'location':
      if (place === 'quickReply') return
      return inspection.report(`${pointer}/type`, 'This action is for quick replies only.')
    case 'richmenuswitch':
      return inspection.report(`${pointer}/type`, 'This action is for rich menus only.')
    default:
      return inspection.report(
        `${pointer}/type`,
        '"type" must be postback, message, uri, datetimepicker, clipboard, camera, cameraRoll or location.',
      )
  }
}

function checkDatetimePicker(inspection: Inspection, action: Fields, pointer: string): void {
  inspection.text(action, pointer, 'data', { max: 300 })
  inspection.choice(action, pointer, 'mode', { of: Object.keys(dateForms) })
  const pattern = dateForms[String(action['mode'])]
  if (pattern === undefined) return
  for (const name of ['initial', 'min', 'max']) {
    inspection.text(action, pointer, name, {
      max: 16,
      isRequired: false,
      pattern,
      form: 'a date or time in the form of its mode',
    })
  }
  const { min, max } = action
  if (typeof min !== 'string' || typeof max !== 'string') return
  if (inspection.isOpen(min) || inspection.isOpen(max)) return
  if (min >= max) inspection.report(`${pointer}/min`, '"min" must be before "max".')
}
