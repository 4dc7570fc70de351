// The suite of all warehouses on a real project, where the environment names one: npm run test:bigquery.
import { describe } from 'vitest'
import { describeWarehouse } from '../../warehouse/conformance.ts'
import { namedProject, skipWithoutProject } from './bigquery-project.ts'
import { openBigQueryUnderTest } from './bigquery-under-test.ts'

const where = namedProject()

if (where)
  describeWarehouse(`BigQuery, in project ${where.project}`, () =>
    openBigQueryUnderTest(where, { maximumBytesBilled: 100e9 }),
  )
else describe('the warehouse on a real project of BigQuery', skipWithoutProject)
