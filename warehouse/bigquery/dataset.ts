// Looks at the dataset before anything else is asked of it: most wrong settings show here, and have one sentence each.
import { SegmentRefused } from '../port.ts'
import { type Connection } from './client.ts'
import { BigQueryFailure } from './failures.ts'

/**
 * Requires that the dataset is there, in the location that the settings name, and can be seen.
 * @throws SegmentRefused
 */
export async function requireDataset({
  call,
  project,
  dataset,
  location,
}: Connection): Promise<void> {
  const found = await call({ method: 'GET', path: `datasets/${dataset}` }).catch(
    (error: unknown) => {
      if (!(error instanceof BigQueryFailure)) throw error
      if (error.kind === 'missing')
        throw refusal(
          `Project ${project} has no dataset ${dataset}. Make it (bq --location=${location} mk -d ${project}:${dataset}), or correct LFM_BIGQUERY_PROJECT and LFM_BIGQUERY_DATASET.`,
          error,
        )
      if (error.reason === 'accessDenied')
        throw refusal(
          `LFM may not use the dataset ${dataset} of project ${project}: ${error.message}. Give its identity roles/bigquery.dataEditor on the dataset and roles/bigquery.jobUser on the project; docs/bigquery.md has the lines.`,
          error,
        )
      if (error.reason === 'noCredentials')
        throw refusal(
          `LFM has no identity that Google knows: ${error.message} Attach a service account to the machine or set GOOGLE_APPLICATION_CREDENTIALS; docs/bigquery.md says how.`,
          error,
        )
      throw error
    },
  )
  const where = (found as { location?: string }).location ?? location
  if (where.toLowerCase() !== location.toLowerCase())
    throw refusal(
      `The dataset ${dataset} lies in ${where}, and LFM_BIGQUERY_LOCATION is ${location}. Set LFM_BIGQUERY_LOCATION=${where}; what segments read must lie there as well.`,
    )
}

function refusal(message: string, cause?: unknown): SegmentRefused {
  return new SegmentRefused('no-access', message, undefined, cause)
}
