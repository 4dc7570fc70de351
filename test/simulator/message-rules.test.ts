// The rules of each message type: one valid example, and what is wrong with others.
import { expect, test } from 'vitest'
import { refuseMessages } from '../../simulator/message-rules.ts'
import { openSimulator } from './open-simulator.ts'

const https = 'https://example.com/a.png'
const uri = { type: 'uri', label: 'Open', uri: 'https://example.com' }
const media = { originalContentUrl: https, previewImageUrl: https }
const column = { text: 'A', actions: [uri] }
const template = (value: object) => ({ type: 'template', altText: 'alt', template: value })
const flex = (contents: object) => ({ type: 'flex', altText: 'alt', contents })
const bubble = (contents: object[]) => ({
  type: 'bubble',
  body: { type: 'box', layout: 'vertical', contents },
})
const imagemap = {
  type: 'imagemap',
  baseUrl: 'https://example.com/map',
  altText: 'alt',
  baseSize: { width: 1040, height: 500 },
  actions: [{ type: 'message', text: 'hi', area: { x: 0, y: 0, width: 1, height: 1 } }],
}

const valid: [string, object][] = [
  ['text', { type: 'text', text: '$ hello', emojis: [{ index: 0, productId: 'p', emojiId: 'e' }] }],
  [
    'textV2',
    {
      type: 'textV2',
      text: 'Hi {smile} {{not}}',
      substitution: { smile: { type: 'emoji', productId: 'p', emojiId: 'e' } },
    },
  ],
  ['sticker', { type: 'sticker', packageId: '1', stickerId: '2' }],
  ['image', { type: 'image', ...media }],
  ['video', { type: 'video', ...media, trackingId: 'x' }],
  ['audio', { type: 'audio', originalContentUrl: https, duration: 60_000 }],
  ['location', { type: 'location', title: 't', address: 'a', latitude: 35, longitude: 139 }],
  ['coupon', { type: 'coupon', couponId: 'c', deliveryTag: 'tag_1' }],
  ['imagemap', imagemap],
  ['buttons', template({ type: 'buttons', text: 'x', actions: [uri] })],
  ['confirm', template({ type: 'confirm', text: 'x', actions: [uri, uri] })],
  ['carousel', template({ type: 'carousel', columns: [column, column] })],
  [
    'image carousel',
    template({ type: 'image_carousel', columns: [{ imageUrl: https, action: uri }] }),
  ],
  ['flex bubble', flex(bubble([{ type: 'text', text: 'x', color: '#112233' }]))],
  ['flex carousel', flex({ type: 'carousel', contents: [bubble([]), bubble([])] })],
  [
    'a label of twenty families',
    template({ type: 'buttons', text: 'x', actions: [{ ...uri, label: '👨‍👩‍👧'.repeat(20) }] }),
  ],
  [
    'quick replies',
    {
      type: 'text',
      text: 'x',
      quickReply: { items: [{ type: 'action', action: { type: 'camera', label: 'Photo' } }] },
    },
  ],
]

test.each(valid)('a valid %s message passes', (_, message) => {
  expect(refuseMessages([message])?.body).toBeUndefined()
})

const invalid: [string, object, string][] = [
  ['a type that LINE has not', { type: 'nope' }, 'messages[0].type'],
  ['a text without text', { type: 'text' }, 'messages[0].text'],
  ['a text of 5,001', { type: 'text', text: 'x'.repeat(5001) }, 'messages[0].text'],
  [
    'an emoji that points at no $',
    { type: 'text', text: 'a', emojis: [{ index: 0, productId: 'p', emojiId: 'e' }] },
    'messages[0].emojis[0].index',
  ],
  ['a placeholder without substitution', { type: 'textV2', text: '{a}' }, 'messages[0].text'],
  ['a brace that is not closed', { type: 'textV2', text: '{a' }, 'messages[0].text'],
  ['a sticker without package', { type: 'sticker', stickerId: '1' }, 'messages[0].packageId'],
  [
    'an image by http',
    { type: 'image', ...media, previewImageUrl: 'http://a' },
    'messages[0].previewImageUrl',
  ],
  [
    'an audio without duration',
    { type: 'audio', originalContentUrl: https },
    'messages[0].duration',
  ],
  [
    'a title of 101',
    { type: 'location', title: 'x'.repeat(101), address: 'a', latitude: 1, longitude: 1 },
    'messages[0].title',
  ],
  [
    'a delivery tag with a hyphen',
    { type: 'coupon', couponId: 'c', deliveryTag: 'a-b' },
    'messages[0].deliveryTag',
  ],
  [
    'an imagemap of another width',
    { ...imagemap, baseSize: { width: 700, height: 1 } },
    'messages[0].baseSize.width',
  ],
  [
    'fourteen quick replies',
    { type: 'text', text: 'x', quickReply: { items: Array(14).fill({ action: uri }) } },
    'messages[0].quickReply.items',
  ],
  [
    'a sender of 21',
    { type: 'text', text: 'x', sender: { name: 'x'.repeat(21) } },
    'messages[0].sender.name',
  ],
  [
    'an altText of 1,501',
    { ...flex(bubble([])), altText: 'x'.repeat(1501) },
    'messages[0].altText',
  ],
  [
    'a button text of 161',
    template({ type: 'buttons', text: 'x'.repeat(161), actions: [uri] }),
    '/template/text',
  ],
  [
    'a button text of 61 beside a title',
    template({ type: 'buttons', title: 't', text: 'x'.repeat(61), actions: [uri] }),
    '/template/text',
  ],
  [
    'a confirm with one action',
    template({ type: 'confirm', text: 'x', actions: [uri] }),
    '/template/actions',
  ],
  [
    'columns of unequal actions',
    template({ type: 'carousel', columns: [column, { text: 'B', actions: [uri, uri] }] }),
    '/template/columns',
  ],
  [
    'postback data of 301',
    template({
      type: 'buttons',
      text: 'x',
      actions: [{ type: 'postback', label: 'l', data: 'x'.repeat(301) }],
    }),
    '/template/actions/0/data',
  ],
  [
    'a date picker that ends before it begins',
    template({
      type: 'buttons',
      text: 'x',
      actions: [
        {
          type: 'datetimepicker',
          label: 'l',
          data: 'd',
          mode: 'date',
          min: '2026-02-01',
          max: '2026-01-01',
        },
      ],
    }),
    '/template/actions/0/min',
  ],
  ['a bubble with an unknown part', flex(bubble([{ type: 'nope' }])), '/body/contents/0/type'],
  [
    'thirteen bubbles',
    flex({ type: 'carousel', contents: Array(13).fill(bubble([])) }),
    '/contents',
  ],
  [
    'a bubble over 30 KB',
    flex(bubble([...Array<object>(8)].map(() => ({ type: 'text', text: 'x'.repeat(4500) })))),
    '',
  ],
  [
    'a colour by name',
    flex(bubble([{ type: 'text', text: 'x', color: 'red' }])),
    '/body/contents/0/color',
  ],
]

test.each(invalid)('%s is refused at its place', (_, message, property) => {
  const answer = refuseMessages([message])
  expect(answer?.status).toBe(400)
  expect(JSON.parse(answer?.body ?? '{}')).toMatchObject({ details: [{ property }] })
})

test('a fault inside a Flex message names the message and points into it', () => {
  const answer = refuseMessages([{ type: 'text', text: 'x' }, flex(bubble([{ type: 'text' }]))])
  expect(JSON.parse(answer?.body ?? '{}')).toEqual({
    message: 'A message (messages[1]) in the request body is invalid',
    details: [{ message: 'May not be empty', property: '/body/contents/0/text' }],
  })
})

test('every validate endpoint checks the messages and nothing else', async () => {
  await using line = await openSimulator()
  for (const method of ['reply', 'push', 'multicast', 'narrowcast', 'broadcast']) {
    const path = `/v2/bot/message/validate/${method}`
    const good = await line.line(path, {
      body: { to: 'x', messages: [{ type: 'text', text: 'x' }] },
    })
    expect(good).toMatchObject({ status: 200, body: {} })
    expect((await line.line(path, { body: { messages: [{ type: 'text' }] } })).status).toBe(400)
  }
})
