// A value that must not be printed: it shows itself as *** wherever it is written by accident.
import { inspect } from 'node:util'

/** Holds a secret; only `reveal` gives it away, so that every use of it can be found by that word. */
export interface Secret<T = string> {
  reveal(): T
  toString(): string
  toJSON(): string
}

const hidden = () => '***'

/** Wraps a value so that string conversion, JSON and `console.log` print `***`. */
export function secret<T>(value: T): Secret<T> {
  return Object.freeze({
    reveal: () => value,
    toString: hidden,
    toJSON: hidden,
    [Symbol.toPrimitive]: hidden,
    [inspect.custom]: hidden,
  })
}
