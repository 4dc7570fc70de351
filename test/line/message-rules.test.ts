import { expect, test } from 'vitest'
import { checkMessages } from '../../line/message-rules.ts'

const https = 'https://example.com/a.png'
const uri = { type: 'uri', label: 'Open', uri: https }
const long = (n: number) => 'a'.repeat(n)
/** One user-perceived character of 11 code units. */
const family = '👨‍👩‍👧‍👦'
const bubble = (more = {}) => ({
  type: 'bubble',
  body: { type: 'box', layout: 'vertical', contents: [{ type: 'text', text: 'hi' }] },
  ...more,
})
const flex = (contents: unknown) => ({ type: 'flex', altText: 'alt', contents })
const buttons = (more = {}) => ({
  type: 'template',
  altText: 'alt',
  template: { type: 'buttons', text: long(160), actions: [uri], ...more },
})
const carousel = (...columns: unknown[]) => ({
  type: 'template',
  altText: 'alt',
  template: { type: 'carousel', columns },
})
const quickReply = (n: number, action: unknown = uri) => ({
  type: 'text',
  text: 'x',
  quickReply: { items: Array.from({ length: n }, () => ({ type: 'action', action })) },
})
const imagemap = (more = {}) => ({
  type: 'imagemap',
  baseUrl: 'https://example.com/map',
  altText: 'alt',
  baseSize: { width: 1040, height: 1040 },
  actions: [{ type: 'uri', linkUri: https, area: { x: 0, y: 0, width: 1, height: 1 } }],
  ...more,
})

test.each<[string, unknown]>([
  ['text', { type: 'text', text: long(5000) }],
  [
    'text with emoji',
    { type: 'text', text: '$ hi', emojis: [{ index: 0, productId: 'p', emojiId: 'e' }] },
  ],
  ['a field of the future', { type: 'text', text: 'x', sparkle: true }],
  [
    'textV2',
    {
      type: 'textV2',
      text: '{e}',
      substitution: { e: { type: 'emoji', productId: 'p', emojiId: 'e' } },
    },
  ],
  ['sticker', { type: 'sticker', packageId: '446', stickerId: '1988' }],
  ['image', { type: 'image', originalContentUrl: https, previewImageUrl: https }],
  ['video', { type: 'video', originalContentUrl: https, previewImageUrl: https, trackingId: 't' }],
  ['audio', { type: 'audio', originalContentUrl: https, duration: 60000 }],
  ['location', { type: 'location', title: 't', address: 'a', latitude: 35.6, longitude: 139.7 }],
  ['coupon', { type: 'coupon', couponId: 'c', deliveryTag: 'summer_1' }],
  ['imagemap', imagemap()],
  [
    'imagemap with video',
    imagemap({
      video: {
        originalContentUrl: https,
        previewImageUrl: https,
        externalLink: { linkUri: https, label: 'See' },
      },
    }),
  ],
  ['buttons', buttons()],
  [
    'buttons whose label is counted in graphemes',
    buttons({ actions: [{ ...uri, label: family.repeat(20) }] }),
  ],
  [
    'confirm',
    {
      type: 'template',
      altText: 'a',
      template: { type: 'confirm', text: long(240), actions: [uri, uri] },
    },
  ],
  ['carousel', carousel({ text: long(120), actions: [uri] }, { text: 'x', actions: [uri] })],
  [
    'image carousel',
    {
      type: 'template',
      altText: 'a',
      template: {
        type: 'image_carousel',
        columns: [{ imageUrl: https, action: { ...uri, label: undefined } }],
      },
    },
  ],
  ['a bubble', flex(bubble({ hero: { type: 'image', url: https, aspectRatio: '1:3' } }))],
  [
    'a bubble with video',
    flex(
      bubble({
        hero: {
          type: 'video',
          url: https,
          previewUrl: https,
          altContent: { type: 'image', url: https },
        },
      }),
    ),
  ],
  ['12 bubbles', flex({ type: 'carousel', contents: Array.from({ length: 12 }, () => bubble()) })],
  ['13 quick replies', quickReply(13)],
  ['a camera action in a quick reply', quickReply(1, { type: 'camera', label: 'Photo' })],
  [
    'a telephone number',
    buttons({ actions: [{ type: 'uri', label: 'Call', uri: 'tel:0312345678' }] }),
  ],
  ['a sender', { type: 'text', text: 'x', sender: { name: 'Brown', iconUrl: https } }],
])('%s passes', (_what, message) => {
  expect(checkMessages([message])).toEqual([])
})

test.each<[string, unknown, string]>([
  ['an empty text', { type: 'text', text: '' }, '/0/text'],
  ['a missing text', { type: 'text' }, '/0/text'],
  ['5,001 characters', { type: 'text', text: long(5001) }, '/0/text'],
  ['a number for a text', { type: 'text', text: 7 }, '/0/text'],
  ['an unknown type', { type: 'nope' }, '/0/type'],
  ['no type', {}, '/0/type'],
  ['no object', 'text', '/0'],
  [
    'an emoji that points at no $',
    { type: 'text', text: 'hi', emojis: [{ index: 0, productId: 'p', emojiId: 'e' }] },
    '/0/emojis/0/index',
  ],
  [
    'a mention',
    {
      type: 'textV2',
      text: '{m}',
      substitution: { m: { type: 'mention', mentionee: { type: 'all' } } },
    },
    '/0/substitution/m',
  ],
  [
    'a substitution key with a hyphen',
    { type: 'textV2', text: 'x', substitution: { 'a-b': { type: 'emoji' } } },
    '/0/substitution',
  ],
  [
    'an http image',
    { type: 'image', originalContentUrl: 'http://example.com/a.png', previewImageUrl: https },
    '/0/originalContentUrl',
  ],
  [
    'a URL with a space',
    { type: 'image', originalContentUrl: 'https://example.com/a b', previewImageUrl: https },
    '/0/originalContentUrl',
  ],
  [
    'a URL of 2,001 characters',
    {
      type: 'image',
      originalContentUrl: https,
      previewImageUrl: `https://example.com/${long(1981)}`,
    },
    '/0/previewImageUrl',
  ],
  ['audio without a duration', { type: 'audio', originalContentUrl: https }, '/0/duration'],
  [
    'a title of 101 characters',
    { type: 'location', title: long(101), address: 'a', latitude: 0, longitude: 0 },
    '/0/title',
  ],
  [
    'a latitude of 91',
    { type: 'location', title: 't', address: 'a', latitude: 91, longitude: 0 },
    '/0/latitude',
  ],
  [
    'a delivery tag with a hyphen',
    { type: 'coupon', couponId: 'c', deliveryTag: 'a-b' },
    '/0/deliveryTag',
  ],
  ['an alternative text of 1,501 characters', imagemap({ altText: long(1501) }), '/0/altText'],
  [
    '51 imagemap actions',
    imagemap({ actions: Array.from({ length: 51 }, () => imagemap().actions[0]) }),
    '/0/actions',
  ],
  [
    'an imagemap 1,000 wide',
    imagemap({ baseSize: { width: 1000, height: 1 } }),
    '/0/baseSize/width',
  ],
  ['5 buttons', buttons({ actions: [uri, uri, uri, uri, uri] }), '/0/template/actions'],
  ['61 characters beside a title', buttons({ title: 't', text: long(61) }), '/0/template/text'],
  ['161 characters', buttons({ text: long(161) }), '/0/template/text'],
  [
    'a label of 21 graphemes',
    buttons({ actions: [{ ...uri, label: family.repeat(21) }] }),
    '/0/template/actions/0/label',
  ],
  [
    'an action without a label',
    buttons({ actions: [{ type: 'uri', uri: https }] }),
    '/0/template/actions/0/label',
  ],
  [
    'a camera action in a template',
    buttons({ actions: [{ type: 'camera', label: 'x' }] }),
    '/0/template/actions/0/type',
  ],
  [
    'a rich menu switch',
    buttons({ actions: [{ type: 'richmenuswitch', label: 'x' }] }),
    '/0/template/actions/0/type',
  ],
  [
    'postback data of 301 characters',
    buttons({ actions: [{ type: 'postback', label: 'x', data: long(301) }] }),
    '/0/template/actions/0/data',
  ],
  [
    'a postback with two texts',
    buttons({
      actions: [{ type: 'postback', label: 'x', data: 'd', displayText: 'a', text: 'b' }],
    }),
    '/0/template/actions/0/text',
  ],
  [
    'a javascript address',
    buttons({ actions: [{ type: 'uri', label: 'x', uri: 'javascript:alert(1)' }] }),
    '/0/template/actions/0/uri',
  ],
  [
    'a picker whose min is its max',
    buttons({
      actions: [
        {
          type: 'datetimepicker',
          label: 'x',
          data: 'd',
          mode: 'date',
          min: '2026-01-01',
          max: '2026-01-01',
        },
      ],
    }),
    '/0/template/actions/0/min',
  ],
  [
    'a confirm with one action',
    { type: 'template', altText: 'a', template: { type: 'confirm', text: 'x', actions: [uri] } },
    '/0/template/actions',
  ],
  [
    'columns with unlike actions',
    carousel({ text: 'x', actions: [uri] }, { text: 'x', actions: [uri, uri] }),
    '/0/template/columns/1/actions',
  ],
  [
    'a title in one column only',
    carousel({ text: 'x', actions: [uri] }, { title: 't', text: 'x', actions: [uri] }),
    '/0/template/columns/1/title',
  ],
  [
    '11 columns',
    carousel(...Array.from({ length: 11 }, () => ({ text: 'x', actions: [uri] }))),
    '/0/template/columns',
  ],
  [
    'an image carousel label of 13',
    {
      type: 'template',
      altText: 'a',
      template: {
        type: 'image_carousel',
        columns: [{ imageUrl: https, action: { ...uri, label: long(13) } }],
      },
    },
    '/0/template/columns/0/action/label',
  ],
  [
    '13 bubbles',
    flex({ type: 'carousel', contents: Array.from({ length: 13 }, () => bubble()) }),
    '/0/contents/contents',
  ],
  [
    'bubbles of two sizes',
    flex({ type: 'carousel', contents: [bubble(), bubble({ size: 'kilo' })] }),
    '/0/contents/contents',
  ],
  [
    'a bubble over 30 KB',
    flex(
      bubble({
        body: {
          type: 'box',
          layout: 'vertical',
          contents: [{ type: 'text', text: 'あ'.repeat(10_000) }],
        },
      }),
    ),
    '/0/contents',
  ],
  [
    'an icon in a vertical box',
    flex(
      bubble({
        body: { type: 'box', layout: 'vertical', contents: [{ type: 'icon', url: https }] },
      }),
    ),
    '/0/contents/body/contents/0/type',
  ],
  [
    'a video in a carousel',
    flex({
      type: 'carousel',
      contents: [
        bubble({
          hero: {
            type: 'video',
            url: https,
            previewUrl: https,
            altContent: { type: 'image', url: https },
          },
        }),
      ],
    }),
    '/0/contents/contents/0/hero',
  ],
  [
    'a Flex button without an action',
    flex(bubble({ footer: { type: 'box', layout: 'vertical', contents: [{ type: 'button' }] } })),
    '/0/contents/footer/contents/0/action',
  ],
  [
    'a colour by name',
    flex(
      bubble({ body: { type: 'box', layout: 'vertical', backgroundColor: 'red', contents: [] } }),
    ),
    '/0/contents/body/backgroundColor',
  ],
  [
    'an image four times as high as wide',
    flex(bubble({ hero: { type: 'image', url: https, aspectRatio: '1:4' } })),
    '/0/contents/hero/aspectRatio',
  ],
  ['14 quick replies', quickReply(14), '/0/quickReply/items'],
  [
    'a sender’s name of 21 characters',
    { type: 'text', text: 'x', sender: { name: long(21) } },
    '/0/sender/name',
  ],
  ['a quote', { type: 'text', text: 'x', quoteToken: 'q' }, '/0/quoteToken'],
])('%s is refused', (_what, message, pointer) => {
  const problems = checkMessages([message])
  expect(problems.map((problem) => problem.pointer)).toContain(pointer)
  for (const { problem } of problems) expect(problem).toMatch(/^.+\.$/)
})

test('1 to 5 messages make a request', () => {
  const text = { type: 'text', text: 'x' }
  expect(checkMessages(Array.from({ length: 5 }, () => text))).toEqual([])
  for (const messages of [[], Array.from({ length: 6 }, () => text), text, null, undefined]) {
    expect(checkMessages(messages)).toHaveLength(1)
  }
})

test('every problem of every message is listed', () => {
  const pointers = checkMessages([{ type: 'text' }, { type: 'nope' }, { type: 'sticker' }])
  expect(pointers.map(({ pointer }) => pointer)).toEqual([
    '/0/text',
    '/1/type',
    '/2/packageId',
    '/2/stickerId',
  ])
})

test('a text with Liquid is left open in a template and judged as it stands otherwise', () => {
  const messages = [{ type: 'image', originalContentUrl: '{{ url }}', previewImageUrl: https }]
  expect(checkMessages(messages, { areTemplates: true })).toEqual([])
  expect(checkMessages(messages)).toHaveLength(1)
})
