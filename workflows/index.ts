// The front door of the workflow bundle: exactly the registered workflows.
export { deliverCampaign } from './deliver-campaign.ts'
export { deliverPage } from './deliver-page.ts'
