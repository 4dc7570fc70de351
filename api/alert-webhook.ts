// Sends alerts on to a webhook: each once, tried a bounded number of times, and never in anybody's way.
import { type Logger } from 'pino'
import { type Secret } from '../config/secret.ts'
import { type Alerts, type AlertToSend } from '../store/alerts.ts'

const deadlineMs = 5_000
/** Ten tries in some five minutes; after that the alert stands in the log and at the delivery only. */
const mostTries = 10
const retryAfterMs = 30_000

/** What is posted. No recipient, no text of a message, no secret. */
function bodyOf({ id, kind, deliveryId, campaignId, detail, since, raisedAt }: AlertToSend) {
  return { id, kind, deliveryId, campaignId, waitsFor: detail, since, raisedAt }
}

/** What went wrong, without the URL, which is a secret. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  const { cause } = error
  return cause instanceof Error && 'code' in cause ? String(cause.code) : error.name
}

async function post(url: string, alert: AlertToSend): Promise<string | undefined> {
  try {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(bodyOf(alert)),
      redirect: 'manual',
      signal: AbortSignal.timeout(deadlineMs),
    })
    await answer.body?.cancel()
    return answer.ok ? undefined : `status ${answer.status}`
  } catch (error) {
    return reasonOf(error)
  }
}

/** Sends what is to be sent by now, one after the other. */
export async function sendAlerts(
  {
    alerts,
    log,
    url,
  }: { alerts: Pick<Alerts, 'takeToSend' | 'setSent'>; log: Logger; url: Secret },
  times: { retryAfterMs?: number } = {},
): Promise<void> {
  for (;;) {
    const forMs = times.retryAfterMs ?? retryAfterMs
    const alert = await alerts.takeToSend({ most: mostTries, forMs })
    if (!alert) return
    const failure = await post(url.reveal(), alert)
    if (failure === undefined) await alerts.setSent(alert.id)
    else {
      const { kind, deliveryId } = alert
      log.warn({ kind, deliveryId, failure }, 'an alert could not be posted to the webhook')
    }
  }
}
