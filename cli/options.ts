// How values of options are read.
import { InvalidArgumentError } from 'commander'

/** A number of zero or more. */
export function number(text: string): number {
  if (!/^\d+(\.\d+)?$/.test(text)) throw new InvalidArgumentError('It must be a number.')
  return Number(text)
}

/** A whole number of one or more. */
export function positiveInteger(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) {
    throw new InvalidArgumentError('It must be a whole number of 1 or more.')
  }
  return Number(text)
}
