// The real project of BigQuery that the environment names for tests, if it names one.
import { test } from 'vitest'

/** Where to test; the account of Application Default Credentials must be allowed to make datasets there. */
export interface BigQueryProject {
  project: string
  location: string
  /** Another BigQuery, such as the simulator, on which these tests can be tried out themselves. */
  apiEndpoint?: string
}

/** undefined where `BIGQUERY_TEST_PROJECT` or `BIGQUERY_TEST_LOCATION` is not set. */
export function namedProject(): BigQueryProject | undefined {
  const { env } = process
  const project = env['BIGQUERY_TEST_PROJECT']
  const location = env['BIGQUERY_TEST_LOCATION']
  const apiEndpoint = env['BIGQUERY_TEST_API_ENDPOINT']
  if (!project || !location) return undefined
  return { project, location, ...(apiEndpoint && { apiEndpoint }) }
}

/** One test that is skipped and says why. */
export function skipWithoutProject(): void {
  test('is not tested: BIGQUERY_TEST_PROJECT and BIGQUERY_TEST_LOCATION name none', ({ skip }) => {
    skip('set both, with Application Default Credentials that may make datasets there')
  })
}
