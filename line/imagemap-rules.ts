// LINE's rules for imagemap messages (reference, "Imagemap message").
import { type Fields, type Inspection } from './inspection.ts'

/** Looks at the fields that only an imagemap message has. */
export function checkImagemap(inspection: Inspection, message: Fields, pointer: string): void {
  inspection.url(message, pointer, 'baseUrl')
  const size = inspection.object(message['baseSize'], `${pointer}/baseSize`)
  if (size !== undefined) {
    const at = `${pointer}/baseSize`
    inspection.number(size, at, 'width', { min: 1040, max: 1040 })
    inspection.number(size, at, 'height', { min: 1, max: 100_000, isInteger: true })
  }
  if (message['video'] !== undefined) checkVideo(inspection, message['video'], `${pointer}/video`)
  const actions = inspection.list(message, pointer, 'actions', { min: 0, max: 50 })
  actions?.forEach((action, n) =>
    checkImagemapAction(inspection, action, `${pointer}/actions/${n}`),
  )
}

function checkImagemapAction(inspection: Inspection, value: unknown, pointer: string): void {
  const action = inspection.object(value, pointer)
  if (action === undefined) return
  inspection.object(action['area'], `${pointer}/area`)
  inspection.text(action, pointer, 'label', { max: 100, isRequired: false })
  if (action['type'] === 'message') inspection.text(action, pointer, 'text', { max: 400 })
  else if (action['type'] === 'uri') inspection.text(action, pointer, 'linkUri', { max: 1000 })
  else if (action['type'] === 'clipboard') {
    inspection.text(action, pointer, 'clipboardText', { max: 1000 })
  } else inspection.report(`${pointer}/type`, '"type" must be uri, message or clipboard.')
}

function checkVideo(inspection: Inspection, value: unknown, pointer: string): void {
  const video = inspection.object(value, pointer)
  if (video === undefined) return
  inspection.url(video, pointer, 'originalContentUrl')
  inspection.url(video, pointer, 'previewImageUrl')
  if (video['externalLink'] === undefined) return
  const at = `${pointer}/externalLink`
  const link = inspection.object(video['externalLink'], at)
  if (link === undefined) return
  inspection.text(link, at, 'label', { max: 30 })
  inspection.url(link, at, 'linkUri', { max: 1000 })
}
