// FARM_FINGERPRINT: BigQuery's documented values, and FarmHash's own for texts of every length class.
import { expect, test } from 'vitest'
import { farmFingerprint } from '../../../simulator/bigquery/farm-fingerprint.ts'

const repeated = (length: number) => 'ab1-'.repeat(50).slice(0, length)

const known: [string, bigint][] = [
  ['1footrue', -1541654101129638711n],
  ['2applefalse', 2794438866806483259n],
  ['3true', -4880158226897771312n],
  [repeated(20), -54768762742511733n],
  [repeated(40), -2541684711740011351n],
  [repeated(70), 1446446139389560971n],
  [repeated(200), -5867311716460339225n],
]

test.each(known)('%s has the fingerprint %d', (text, fingerprint) => {
  expect(farmFingerprint(Buffer.from(text))).toBe(fingerprint)
})
