// Liquid's date filter with the delivery's clock, time zone and locale in place of the machine's.

/** What a date depends on besides its value; the same on every machine that renders a delivery. */
export interface DateSetting {
  /** The delivery's now, milliseconds since 1970. */
  nowMs: number
  /** IANA name. */
  timeZone: string
  /** BCP 47 tag, for the names of months and days. */
  locale: string
}

/** Formats a value by a strftime pattern; undefined where the value is no date. */
export type FormatDate = (value: unknown, pattern: string) => string | undefined

interface WallTime {
  year: number
  month: number
  day: number
  hour: number
  minute: number
  second: number
  ms: number
}

/**
 * Makes the filter's work. liquidjs's own filter reads the machine's clock, and shifts dates over the machine's
 * time zone, so that two workers could render two bodies for one request.
 * @throws RangeError for an unknown time zone or locale.
 */
export function createFormatDate(setting: DateSetting): FormatDate {
  const { timeZone, locale } = setting
  const wallFormat = new Intl.DateTimeFormat('en-US', {
    timeZone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  const names = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat(locale, { timeZone, ...options })
  const nameFormats: Readonly<Record<string, Intl.DateTimeFormat>> = {
    A: names({ weekday: 'long' }),
    a: names({ weekday: 'short' }),
    B: names({ month: 'long' }),
    b: names({ month: 'short' }),
  }

  function wallTimeOf(instantMs: number): WallTime {
    const wall: Record<string, number> = {}
    for (const { type, value } of wallFormat.formatToParts(instantMs)) wall[type] = Number(value)
    const { year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0 } = wall
    return { year, month, day, hour, minute, second, ms: ((instantMs % 1000) + 1000) % 1000 }
  }

  /** The zone's distance from UTC at an instant. */
  function offsetMsAt(instantMs: number): number {
    return utcOf(wallTimeOf(instantMs)) - instantMs
  }

  /** The instant of a time without a zone, read in the delivery's; the offset is looked up twice for changes of the clock. */
  function instantOf(asUtcMs: number): number {
    const guess = asUtcMs - offsetMsAt(asUtcMs)
    return asUtcMs - offsetMsAt(guess)
  }

  function read(value: unknown): number | undefined {
    if (value === 'now' || value === 'today') return setting.nowMs
    if (typeof value === 'number') return value * 1000
    if (typeof value !== 'string') return undefined
    const text = value.trim()
    if (/^\d+$/.test(text)) return Number(text) * 1000
    const form =
      /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)\s?(Z|UTC|[+-]\d\d:?\d\d)?)?$/i.exec(
        text,
      )
    if (form === null) return undefined
    const [, day = '', time = '00:00', zone] = form
    const asUtcMs = Date.parse(`${day}T${time}Z`)
    if (Number.isNaN(asUtcMs)) return undefined
    if (zone === undefined) return instantOf(asUtcMs)
    const [, sign, hours, minutes] = /^([+-])(\d\d):?(\d\d)$/.exec(zone) ?? []
    const offsetMinutes = sign === undefined ? 0 : Number(hours) * 60 + Number(minutes)
    return asUtcMs - (sign === '-' ? -1 : 1) * offsetMinutes * 60_000
  }

  return (value, pattern) => {
    const instantMs = read(value)
    // Beyond this, ECMAScript has no dates.
    if (instantMs === undefined || !(Math.abs(instantMs) <= 8.64e15)) return undefined
    const wall = wallTimeOf(instantMs)
    const offsetMs = utcOf(wall) - instantMs
    return pattern.replace(
      /%([-0^]?)(:?)([A-Za-z%])/g,
      (whole, flag: string, colon: string, letter: string) => {
        const named = nameFormats[letter === 'h' ? 'b' : letter]
        const text =
          named !== undefined
            ? named.format(instantMs)
            : directive(letter, wall, instantMs, offsetMs, colon)
        if (text === undefined) return whole
        if (flag === '-') return text.replace(/^[0 ]+(?=\d)/, '')
        if (flag === '0') return text.replace(/^ /, '0')
        return flag === '^' ? text.toUpperCase() : text
      },
    )
  }
}

/** The instant at which UTC's clocks show this time. */
function utcOf({ year, month, day, hour, minute, second, ms }: WallTime): number {
  return Date.UTC(year, month - 1, day, hour, minute, second, ms)
}

/** The text of a strftime letter that doesn't depend on the locale; undefined for a letter that has no meaning. */
function directive(
  letter: string,
  wall: WallTime,
  instantMs: number,
  offsetMs: number,
  colon: string,
): string | undefined {
  const two = (n: number, fill = '0') => String(n).padStart(2, fill)
  const hour12 = wall.hour % 12 === 0 ? 12 : wall.hour % 12
  const midnight = Date.UTC(wall.year, wall.month - 1, wall.day)
  const weekday = new Date(midnight).getUTCDay()
  const time = `${two(wall.hour)}:${two(wall.minute)}`
  const zone = Math.abs(Math.round(offsetMs / 60_000))
  switch (letter) {
    case 'Y':
      return String(wall.year)
    case 'y':
      return two(wall.year % 100)
    case 'm':
      return two(wall.month)
    case 'd':
      return two(wall.day)
    case 'e':
      return two(wall.day, ' ')
    case 'j':
      return String((midnight - Date.UTC(wall.year, 0, 1)) / 86_400_000 + 1).padStart(3, '0')
    case 'H':
      return two(wall.hour)
    case 'k':
      return two(wall.hour, ' ')
    case 'I':
      return two(hour12)
    case 'l':
      return two(hour12, ' ')
    case 'M':
      return two(wall.minute)
    case 'S':
      return two(wall.second)
    case 'L':
      return String(wall.ms).padStart(3, '0')
    case 'p':
      return wall.hour < 12 ? 'AM' : 'PM'
    case 'P':
      return wall.hour < 12 ? 'am' : 'pm'
    case 'u':
      return String(weekday === 0 ? 7 : weekday)
    case 'w':
      return String(weekday)
    case 's':
      return String(Math.floor(instantMs / 1000))
    case 'z':
      return `${offsetMs < 0 ? '-' : '+'}${two(Math.floor(zone / 60))}${colon}${two(zone % 60)}`
    case 'F':
      return `${wall.year}-${two(wall.month)}-${two(wall.day)}`
    case 'D':
      return `${two(wall.month)}/${two(wall.day)}/${two(wall.year % 100)}`
    case 'R':
      return time
    case 'T':
      return `${time}:${two(wall.second)}`
    case 'n':
      return '\n'
    case 't':
      return '\t'
    case '%':
      return '%'
    default:
      return undefined
  }
}
