// Every route below /api/v1, in the order of the documentation.
import { type Route } from '../route.ts'
import { campaignRoutes } from './campaigns.ts'
import { channelRoutes } from './channels.ts'
import { contentRoutes } from './contents.ts'
import { deliveryRoutes } from './deliveries.ts'
import { recipientRoutes } from './recipients.ts'
import { retryRoutes } from './retries.ts'
import { segmentRoutes } from './segments.ts'

/** More exact paths stand before those with parameters (/segments/preview before /segments/{id}). */
export const routes: readonly Route[] = [
  ...channelRoutes,
  ...contentRoutes,
  ...segmentRoutes,
  ...campaignRoutes,
  ...deliveryRoutes,
  ...retryRoutes,
  ...recipientRoutes,
]
