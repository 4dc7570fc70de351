import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  createMessageTemplate,
  TemplateRefused,
  type MessageTemplate,
} from '../../line/message-template.ts'

const setting = { now: '2026-11-22T23:30:00Z', timeZone: 'Asia/Tokyo', locale: 'en' }

const template = (...messages: unknown[]): MessageTemplate =>
  createMessageTemplate({ ...setting, messages })
const text = (content: string) => template({ type: 'text', text: content })

function textOf(rendered: ReturnType<MessageTemplate['render']>): string {
  if (!rendered.ok) throw new Error(rendered.reason)
  const [message] = JSON.parse(rendered.messagesJson) as { text: string }[]
  return message?.text ?? ''
}

function problemsOf(make: () => unknown) {
  try {
    make()
  } catch (error) {
    if (error instanceof TemplateRefused) return error.problems
    throw error
  }
  return []
}

test('content without Liquid is the same text for every row', () => {
  const plain = text('Hello { you } % 100')
  expect(plain.variables).toEqual([])
  expect(plain.render('not even JSON')).toEqual({
    ok: true,
    messagesJson: '[{"type":"text","text":"Hello { you } % 100"}]',
  })
})

test('variables fill the texts wherever they stand, and keys stay', () => {
  const flex = template(
    { type: 'text', text: 'Hi {{ name }}' },
    {
      type: 'flex',
      altText: 'For {{ name }}',
      contents: {
        type: 'bubble',
        '{{ key }}': 1,
        body: {
          type: 'box',
          layout: 'vertical',
          contents: [
            { type: 'text', text: '{{ points | plus: 1 }}' },
            {
              type: 'button',
              action: {
                type: 'uri',
                label: 'Go',
                uri: 'https://example.com/?n={{ name | url_encode }}',
              },
            },
          ],
        },
      },
    },
  )
  expect(flex.variables).toEqual(['name', 'points'])
  const rendered = flex.render('{"name":"Zoë & Co","points":41}')
  expect(rendered.ok && JSON.parse(rendered.messagesJson)).toMatchObject([
    { text: 'Hi Zoë & Co' },
    {
      altText: 'For Zoë & Co',
      contents: {
        '{{ key }}': 1,
        body: {
          contents: [{ text: '42' }, { action: { uri: 'https://example.com/?n=Zo%C3%AB+%26+Co' } }],
        },
      },
    },
  ])
})

test.each([
  ['{{ b }}{{ a.x }}{{ a["y"] }}{{ c[0] }}', ['a', 'b', 'c']],
  ['{% if a == b and c contains d %}x{% elsif e %}{% else %}{{ f }}{% endif %}', [...'abcdef']],
  ['{% for i in list limit: n %}{{ i.name }}{{ forloop.index }}{% endfor %}', ['list', 'n']],
  ['{% assign x = a | append: b %}{{ x }}', ['a', 'b']],
  ['{% case a %}{% when b, "c" %}x{% endcase %}', ['a', 'b']],
  ['{% unless a %}x{% endunless %}{% echo b %}', ['a', 'b']],
  ['{{ a | default: b, allow_false: c }}', ['a', 'b', 'c']],
  ['{% for i in (1..n) %}x{% endfor %}', ['n']],
  ['{{ now | date: f }}', ['f']],
  ['{% comment %}{{ a }}{% endcomment %}{% raw %}{{ b }}{% endraw %}{{ c }}', ['c']],
])('the variables of %s are listed', (content, variables) => {
  expect(text(content).variables).toEqual(variables)
})

test.each([
  ['{{ a[b] }}', /computed name/],
  ['{{ [a] }}', /computed name/],
  ['{{ a | append: b[c] }}', /computed name/],
  ['{% if a[b] %}{% endif %}', /computed name/],
  ['{% render "x" %}', /render/],
  ['{% include "x" %}', /include/],
  ['{% layout "x" %}', /layout/],
  ['{% increment n %}', /increment/],
  ['{% capture x %}{% endcapture %}', /capture/],
  ['{{ a | sample }}', /sample/],
  ['{{ a | where_exp: "x", "x.y" }}', /where_exp/],
  ['{{ a | nonsense }}', /nonsense/],
  ['{% for i in l offset: continue %}x{% endfor %}', /continue/],
  ['{{ a', /not closed.*line 1, column 1/],
  ['x\n  {% if a %}', /not closed.*line 2, column 3/],
])('%s is refused when content is saved', (content, reason) => {
  const problems = problemsOf(() => text(content))
  expect(problems).toHaveLength(1)
  expect(problems[0]?.pointer).toBe('/0/text')
  expect(problems[0]?.problem).toMatch(reason)
})

test('all problems of content are told at once, LINE’s rules included', () => {
  const problems = problemsOf(() =>
    template({ type: 'text', text: '{{ a[b] }}' }, { type: 'text', text: '' }, { type: '{{ t }}' }),
  )
  expect(problems.map(({ pointer }) => pointer).sort()).toEqual(['/0/text', '/1/text', '/2/type'])
})

test('any value ends up exactly in its text', () => {
  const greeting = text('<{{ name }}>')
  const names = fc.string({ unit: 'binary', maxLength: 200 })
  const tricky = fc.constantFrom(
    '{{ x }}',
    '"}]',
    '\\',
    '{% if %}',
    '👋🏽',
    '\u0000',
    '\ud800',
    '<b>',
  )
  fc.assert(
    fc.property(fc.oneof(names, tricky), (name) => {
      expect(textOf(greeting.render(JSON.stringify({ name })))).toBe(`<${name}>`)
    }),
  )
})

test('in textV2 braces of a value are doubled, so that LINE shows them', () => {
  const greeting = template({
    type: 'textV2',
    text: '{smile} {{ name }} {{ raw | raw }}',
    substitution: { smile: { type: 'emoji', productId: 'p', emojiId: 'e' } },
  })
  expect(textOf(greeting.render('{"name":"{smile}","raw":"{smile}"}'))).toBe(
    '{smile} {{smile}} {smile}',
  )
})

test('a row rendered alone equals the row rendered in its group, on another machine too', () => {
  const content =
    'Hi {{ name | upcase }}{% for i in items %} {{ i }}{% endfor %} {{ now | date: "%c %F" }}'
  const here = text(content)
  const row = fc.record({
    name: fc.string(),
    items: fc.array(fc.oneof(fc.string(), fc.integer(), fc.constant(null))),
  })
  fc.assert(
    fc.property(fc.array(row, { maxLength: 5 }), (rows) => {
      const grouped = rows.map((variables) => here.render(JSON.stringify(variables)))
      const alone = rows.map((variables) => text(content).render(JSON.stringify(variables)))
      expect(alone).toEqual(grouped)
    }),
    { numRuns: 30 },
  )
})

test('a row without a variable that is written out doesn’t fit, one that is only asked for does', () => {
  expect(text('Hi {{ name }}').render('{}')).toEqual({
    ok: false,
    reason: 'At /0/text: Undefined variable: name (line 1, column 7).',
  })
  expect(textOf(text('Hi {{ name | default: "you" }}').render('{"name":null}'))).toBe('Hi you')
  expect(textOf(text('Hi{% if vip %}!{% endif %}').render('{}'))).toBe('Hi')
})

test('a row whose messages LINE would refuse doesn’t fit, and its values are not in the reason', () => {
  const picture = template({
    type: 'image',
    originalContentUrl: '{{ url }}',
    previewImageUrl: 'https://example.com/p.png',
  })
  expect(picture.render('{"url":"https://example.com/a.png"}').ok).toBe(true)
  const refused = picture.render('{"url":"http://secret.example.com"}')
  expect(refused.ok).toBe(false)
  expect(JSON.stringify(refused)).toContain('/0/originalContentUrl')
  expect(JSON.stringify(refused)).not.toContain('secret')
  expect(text('{{ name }}').render('{"name":""}').ok).toBe(false)
  expect(text('{{ name }}').render(JSON.stringify({ name: 'x'.repeat(5001) })).ok).toBe(false)
})

test('a filter that fails on a value tells the place and not the value', () => {
  const refused = text('{{ name | url_decode }}').render('{"name":"%secret"}')
  expect(refused).toMatchObject({ ok: false })
  expect(JSON.stringify(refused)).not.toContain('secret')
})

test('a text that grows beyond all bounds doesn’t fit', () => {
  expect(text('{% for i in (1..n) %}x{% endfor %}').render('{"n":1000000000}').ok).toBe(false)
})

test('now is the delivery’s, whatever a row brings, in the delivery’s time zone', () => {
  const dated = text(
    '{{ "now" | date: "%F %R" }} {{ now | date: "%A" }} {{ "today" | date: "%d" }}',
  )
  expect(dated.variables).toEqual([])
  expect(textOf(dated.render('{"now":"1999-01-01"}'))).toBe('2026-11-23 08:30 Monday 23')
})

test('whole numbers keep all their digits', () => {
  expect(textOf(text('{{ n }} {{ m }}').render('{"n":12345678901234567890,"m":-3}'))).toBe(
    '12345678901234567890 -3',
  )
})

test('variables that are no JSON object are a defect, not a row to skip', () => {
  expect(() => text('{{ a }}').render('[1]')).toThrow(/JSON object/)
  expect(() => text('{{ a }}').render('nonsense')).toThrow(SyntaxError)
})
