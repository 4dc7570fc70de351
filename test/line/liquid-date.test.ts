import { expect, test } from 'vitest'
import { createFormatDate } from '../../line/liquid-date.ts'

const nowMs = Date.parse('2026-11-22T23:30:05.042Z')
const tokyo = createFormatDate({ nowMs, timeZone: 'Asia/Tokyo', locale: 'en' })
const berlin = createFormatDate({ nowMs, timeZone: 'Europe/Berlin', locale: 'de' })

test.each([
  ['2026-11-22T23:30:00Z', '2026-11-23 08:30:00 +0900'],
  ['2026-11-22T23:30:00+09:00', '2026-11-22 23:30:00 +0900'],
  ['2026-11-22 23:30:00 -0500', '2026-11-23 13:30:00 +0900'],
  ['2026-11-22 23:30:00 UTC', '2026-11-23 08:30:00 +0900'],
  ['2026-11-22T23:30', '2026-11-22 23:30:00 +0900'],
  ['2026-11-22', '2026-11-22 00:00:00 +0900'],
  ['0', '1970-01-01 09:00:00 +0900'],
  [1_750_000_000, '2025-06-16 00:06:40 +0900'],
  ['now', '2026-11-23 08:30:05 +0900'],
])('%s is read in the delivery’s time zone', (value, expected) => {
  expect(tokyo(value, '%F %T %z')).toBe(expected)
})

test.each(['soon', '', '2026-13-01', '22.11.2026', null, undefined, {}, 1e20, Number.NaN])(
  '%s is no date',
  (value) => {
    expect(tokyo(value, '%F')).toBeUndefined()
  },
)

test.each([
  ['%Y %y %m %d %e %j', '2026 26 11 23 23 327'],
  ['%H %k %I %l %M %S %L %p %P', '08  8 08  8 30 05 042 AM am'],
  ['%-m/%-d %-I', '11/23 8'],
  ['%A %a %B %b %^a', 'Monday Mon November Nov MON'],
  ['%u %w %s %:z', '1 1 1795390205 +09:00'],
  ['%D %R %% %n%t|', '11/23/26 08:30 % \n\t|'],
  ['%Q', '%Q'],
])('%s is formatted', (pattern, expected) => {
  expect(tokyo('now', pattern)).toBe(expected)
})

test('names follow the locale, and summer time the date', () => {
  expect(berlin('2026-07-01 12:00', '%A, %-d. %B %H:%M %z')).toBe('Mittwoch, 1. Juli 12:00 +0200')
  expect(berlin('2026-12-01 12:00', '%H:%M %z')).toBe('12:00 +0100')
  expect(berlin('2026-03-29T01:30:00Z', '%H:%M')).toBe('03:30')
})

test('an unknown time zone is refused', () => {
  expect(() => createFormatDate({ nowMs, timeZone: 'Mars/Base', locale: 'en' })).toThrow(RangeError)
})
