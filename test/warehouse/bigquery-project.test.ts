// The suite of all warehouses on a real project, where the environment names one: npm run test:bigquery.
import { describe, test } from 'vitest'
import { describeWarehouse } from '../../warehouse/conformance.ts'
import { openBigQueryUnderTest } from './bigquery-under-test.ts'

const project = process.env['BIGQUERY_TEST_PROJECT']
const location = process.env['BIGQUERY_TEST_LOCATION']

if (project && location)
  describeWarehouse(`BigQuery, in project ${project}`, () =>
    openBigQueryUnderTest({ project, location }, { maximumBytesBilled: 100e9 }),
  )
else
  describe('the warehouse on a real project of BigQuery', () => {
    test('is not tested: BIGQUERY_TEST_PROJECT and BIGQUERY_TEST_LOCATION name none', ({
      skip,
    }) => {
      skip('set both, with Application Default Credentials that may make datasets there')
    })
  })
