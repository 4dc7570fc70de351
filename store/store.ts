// The PostgreSQL store: one object with every aggregate, over one pool.
import { sql } from 'kysely'
import { type Alerts, createAlerts } from './alerts.ts'
import { type ApiTokens, createApiTokens } from './api-tokens.ts'
import { type Campaigns, createCampaigns } from './campaigns.ts'
import { type Channels, createChannels } from './channels.ts'
import { type Contents, createContents } from './contents.ts'
import { openDatabase } from './database.ts'
import { createDeliveries, type Deliveries } from './deliveries.ts'
import { createFailureCounts, type FailureCounts } from './failures.ts'
import { createLedger, type Ledger } from './ledger.ts'
import { createPlans, type Plans } from './plans.ts'
import { createRetention, type Retention } from './retention.ts'
import { createRetries, type Retries } from './retries.ts'
import { createSecretBox } from './secret-box.ts'
import { createSegments, type Segments } from './segments.ts'
import { createStandings, type Standings } from './standing.ts'
import { createWarehouseChanges, type WarehouseChanges } from './warehouse-changes.ts'
import { createWarehouseUsages, type WarehouseUsages } from './warehouse-usage.ts'

export interface Store {
  channels: Channels
  contents: Contents
  segments: Segments
  campaigns: Campaigns
  deliveries: Deliveries
  retries: Retries
  retention: Retention
  plans: Plans
  ledger: Ledger
  failures: FailureCounts
  apiTokens: ApiTokens
  alerts: Alerts
  standings: Standings
  warehouseChanges: WarehouseChanges
  warehouseUsages: WarehouseUsages
  /** Resolves when PostgreSQL answers. */
  ping(): Promise<void>
  close(): Promise<void>
}

/**
 * Opens the store; the schema must be there (see migrate.ts).
 * @param options.secretKey 32 bytes that channel secrets are sealed with.
 */
export function createStore(options: {
  databaseUrl: string
  secretKey: Buffer
  connections?: number
  onLost?: (error: Error) => void
}): Store {
  const db = openDatabase(options.databaseUrl, options)
  const alerts = createAlerts(db)
  return {
    channels: createChannels(db, createSecretBox(options.secretKey)),
    contents: createContents(db),
    segments: createSegments(db),
    campaigns: createCampaigns(db),
    deliveries: createDeliveries(db),
    retries: createRetries(db),
    retention: createRetention(db),
    plans: createPlans(db),
    ledger: createLedger(db),
    failures: createFailureCounts(db),
    apiTokens: createApiTokens(db),
    alerts,
    standings: createStandings(db, alerts),
    warehouseChanges: createWarehouseChanges(db),
    warehouseUsages: createWarehouseUsages(db),
    async ping() {
      await sql`select 1`.execute(db)
    },
    close: () => db.destroy(),
  }
}
