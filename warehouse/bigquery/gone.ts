// What is gone for good, or no longer allowed: in each case a person has to do something, and is told what.
import { PersonNeeded, SegmentRefused } from '../port.ts'
import { type Connection } from './client.ts'
import { BigQueryFailure } from './failures.ts'
import { logTable } from './names.ts'

/**
 * Says that the tables of a plan are gone.
 * @param lack what can't be done without it, as the beginning of a sentence.
 */
export function planGone(lack: string): PersonNeeded {
  return new PersonNeeded(
    'plan-gone',
    `${lack}: its tables were removed or have expired, as they do some time after their last use. For some days BigQuery can bring them back (docs/runbook.md, "Something is gone from BigQuery"): do so, then resume. Otherwise cancel the delivery: nothing more is sent, but who was not reached can't be told, and its account stays open.`,
  )
}

/** Says that the log of all deliveries is gone. */
export function logGone({ dataset }: Pick<Connection, 'dataset'>): PersonNeeded {
  return new PersonNeeded(
    'log-gone',
    `The table ${logTable} of the dataset ${dataset} was removed, and with it what all deliveries came to. For some days BigQuery can bring it back (docs/runbook.md, "Something is gone from BigQuery"): do so and resume. Where its history may go, restart the workers, which make an empty one, and resume.`,
  )
}

/** Does a step of a delivery that has a plan; a right that was taken away meanwhile is for a person to give back. */
export async function whileAllowed<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof SegmentRefused)
      throw new PersonNeeded('no-access', `${error.message} Then resume.`, error)
    if (error instanceof BigQueryFailure && error.reason === 'accessDenied')
      throw new PersonNeeded(
        'no-access',
        `BigQuery refuses LFM's identity: ${error.message} Give it the roles that docs/bigquery.md names, then resume.`,
        error,
      )
    if (error instanceof BigQueryFailure && error.reason === 'noCredentials')
      throw new PersonNeeded(
        'no-access',
        `LFM has no identity that Google knows: ${error.message} Put it right as docs/bigquery.md says, then resume.`,
        error,
      )
    throw error
  }
}
