// FarmHash's 64-bit fingerprint, which is BigQuery's FARM_FINGERPRINT.
// After the algorithm that Google published as "farmhashna" (MIT licence), in BigInt for want of 64-bit integers.

const mask = 0xffff_ffff_ffff_ffffn
const k0 = 0xc3a5_c85c_97cb_3127n
const k1 = 0xb492_b66f_be98_f273n
const k2 = 0x9ae1_6a3b_2f90_404fn

const cut = (value: bigint) => BigInt.asUintN(64, value)
const rotate = (value: bigint, by: bigint) => (value >> by) | ((value << (64n - by)) & mask)
const mix = (value: bigint) => value ^ (value >> 47n)

function pair(u: bigint, v: bigint, multiplier: bigint): bigint {
  const a = mix(cut((u ^ v) * multiplier))
  const b = mix(cut((v ^ a) * multiplier))
  return cut(b * multiplier)
}

/** The fingerprint of bytes as a signed 64-bit number. */
export function farmFingerprint(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const at = (offset: number) => view.getBigUint64(offset, true)
  return BigInt.asIntN(64, hash(bytes, view, at))
}

function hash(bytes: Uint8Array, view: DataView, at: (offset: number) => bigint): bigint {
  const { length } = bytes
  const multiplier = cut(k2 + BigInt(length) * 2n)
  if (length > 64) return long(length, at)
  if (length > 32) {
    const a = cut(at(0) * k2)
    const b = at(8)
    const c = cut(at(length - 8) * multiplier)
    const d = cut(at(length - 16) * k2)
    const y = cut(rotate(cut(a + b), 43n) + rotate(c, 30n) + d)
    const z = pair(y, cut(a + rotate(cut(b + k2), 18n) + c), multiplier)
    const e = cut(at(16) * multiplier)
    const f = at(24)
    const g = cut((y + at(length - 32)) * multiplier)
    const h = cut((z + at(length - 24)) * multiplier)
    return pair(
      cut(rotate(cut(e + f), 43n) + rotate(g, 30n) + h),
      cut(e + rotate(cut(f + a), 18n) + g),
      multiplier,
    )
  }
  if (length > 16) {
    const a = cut(at(0) * k1)
    const b = at(8)
    const c = cut(at(length - 8) * multiplier)
    const d = cut(at(length - 16) * k2)
    return pair(
      cut(rotate(cut(a + b), 43n) + rotate(c, 30n) + d),
      cut(a + rotate(cut(b + k2), 18n) + c),
      multiplier,
    )
  }
  if (length >= 8) {
    const a = cut(at(0) + k2)
    const b = at(length - 8)
    const c = cut(rotate(b, 37n) * multiplier + a)
    const d = cut((rotate(a, 25n) + b) * multiplier)
    return pair(c, d, multiplier)
  }
  if (length >= 4) {
    const a = BigInt(view.getUint32(0, true))
    return pair(
      cut(BigInt(length) + (a << 3n)),
      BigInt(view.getUint32(length - 4, true)),
      multiplier,
    )
  }
  if (length === 0) return k2
  const y = BigInt((bytes[0] ?? 0) + ((bytes[length >> 1] ?? 0) << 8))
  const z = BigInt(length + ((bytes[length - 1] ?? 0) << 2))
  return cut(mix(cut(y * k2) ^ cut(z * k0)) * k2)
}

function long(length: number, at: (offset: number) => bigint): bigint {
  let s = 0
  let x = 81n
  let y = cut(81n * k1 + 113n)
  let z = cut(mix(cut(y * k2 + 113n)) * k2)
  let v: [bigint, bigint] = [0n, 0n]
  let w: [bigint, bigint] = [0n, 0n]
  x = cut(x * k2 + at(0))

  function weak(offset: number, first: bigint, second: bigint): [bigint, bigint] {
    const a = cut(first + at(offset))
    const last = at(offset + 24)
    const b = rotate(cut(second + a + last), 21n)
    const sum = cut(a + at(offset + 8) + at(offset + 16))
    return [cut(sum + last), cut(b + rotate(sum, 44n) + a)]
  }

  function round(multiplier: bigint, isLast: boolean) {
    x = cut(rotate(cut(x + y + v[0] + at(s + 8)), 37n) * multiplier)
    y = cut(rotate(cut(y + v[1] + at(s + 48)), 42n) * multiplier)
    x ^= isLast ? cut(w[1] * 9n) : w[1]
    y = cut(y + (isLast ? v[0] * 9n : v[0]) + at(s + 40))
    z = cut(rotate(cut(z + w[0]), 33n) * multiplier)
    v = weak(s, cut(v[1] * multiplier), cut(x + w[0]))
    w = weak(s + 32, cut(z + w[1]), cut(y + at(s + 16)))
    ;[z, x] = [x, z]
  }

  const end = Math.floor((length - 1) / 64) * 64
  for (; s !== end; s += 64) round(k1, false)
  const multiplier = cut(k1 + ((z & 0xffn) << 1n))
  s = length - 64
  w[0] = cut(w[0] + BigInt((length - 1) & 63))
  v[0] = cut(v[0] + w[0])
  w[0] = cut(w[0] + v[0])
  round(multiplier, true)
  return pair(
    cut(pair(v[0], w[0], multiplier) + mix(y) * k0 + z),
    cut(pair(v[1], w[1], multiplier) + x),
    multiplier,
  )
}
