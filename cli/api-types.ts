// Made from docs/openapi.json by cli/write-api-types.ts; not edited by hand.

// prettier-ignore
type CampaignInput = { name: string; channelId: string; contentId: string; segmentId: string; priority?: number; timeZone?: string; locale?: string; aggregationUnit?: string | null; pauseAtFailedShare?: number }

// prettier-ignore
type StartInput = { occurrence?: "once" | { again: number }; by?: string }

// prettier-ignore
type ChannelInput = { lineChannelId: string; channelSecret: string; name: string; callsPerSecond?: { multicast?: number; push?: number } }

// prettier-ignore
type ChannelChange = { name?: string; channelSecret?: string }

// prettier-ignore
type ChannelRate = { multicast?: number; push?: number }

// prettier-ignore
type ContentInput = { name: string; messages: (Record<string, unknown>)[]; notificationDisabled?: boolean }

// prettier-ignore
type OperatorInput = { why: string; by?: string }

// prettier-ignore
type RecoverInput = { why: string; by?: string; paused?: boolean }

// prettier-ignore
type SegmentInput = { name: string; sql: string }

// prettier-ignore
type SegmentPreviewInput = { sql: string }

// prettier-ignore
type RetryInput = { outcomes?: ("unsent" | "rejected" | "skipped" | "unknown")[]; number?: number; mayReachTwice?: number; by?: string; why?: string }

// prettier-ignore
type Campaign = { id: string; name: string; channelId: string; contentId: string; segmentId: string; priority: number; timeZone: string; locale: string; aggregationUnit: string | null; pauseAtFailedShare: number; createdAt: string; updatedAt: string }

// prettier-ignore
type CampaignList = { items: (Campaign)[] }

// prettier-ignore
type Channel = { id: string; lineChannelId: string; name: string; callsPerSecond: { multicast: number; push: number }; createdAt: string; updatedAt: string }

// prettier-ignore
type ChannelWithRates = { id: string; lineChannelId: string; name: string; callsPerSecond: { multicast: number; push: number }; createdAt: string; updatedAt: string; currentRates: { multicast: { callsPerSecond: number; loweredAt: string | null }; push: { callsPerSecond: number; loweredAt: string | null } } }

// prettier-ignore
type ChannelList = { items: (Channel)[] }

// prettier-ignore
type ChannelRateAnswer = { channel: Channel; temporal: "told" | "away" }

// prettier-ignore
type Content = { id: string; name: string; version: number; messages: (unknown)[]; notificationDisabled: boolean; variables: (string)[]; createdAt: string }

// prettier-ignore
type ContentList = { items: (Content)[] }

// prettier-ignore
type Account = { planned: number; accepted: number; rejected: number; unknown: number; skipped: number; unsent: number }

// prettier-ignore
type DeliverySummary = { id: string; campaignId: string; occurrence: string; channelId: string; contentId: string; contentVersion: number; segmentId: string; priority: number; timeZone: string; locale: string; aggregationUnit: string | null; pauseAtFailedShare: number; retry: { of: string; outcomes: ("unsent" | "rejected" | "skipped" | "unknown")[] } | null; renderedAsOf: string; workflowId: string; state: "starting" | "freezing" | "sending" | "reconciling" | "paused" | "cancelling" | "interrupted" | "done" | "done with failures" | "cancelled during send" | "cancelled" | "failed before send"; phase: "starting" | "freezing" | "sending" | "reconciling" | "done" | "done with failures" | "cancelled during send" | "cancelled" | "failed before send"; stateReason: string | null; gate: { position: "open" | "paused" | "cancelled"; by: string | null; why: string | null; at: string | null }; startedBy: string; createdAt: string; endedAt: string | null; account: Account | null; progress: Account }

// prettier-ignore
type DeliveryList = { items: (DeliverySummary)[] }

// prettier-ignore
type Delivery = { id: string; campaignId: string; occurrence: string; channelId: string; contentId: string; contentVersion: number; segmentId: string; priority: number; timeZone: string; locale: string; aggregationUnit: string | null; pauseAtFailedShare: number; retry: { of: string; outcomes: ("unsent" | "rejected" | "skipped" | "unknown")[] } | null; renderedAsOf: string; workflowId: string; state: "starting" | "freezing" | "sending" | "reconciling" | "paused" | "cancelling" | "interrupted" | "done" | "done with failures" | "cancelled during send" | "cancelled" | "failed before send"; phase: "starting" | "freezing" | "sending" | "reconciling" | "done" | "done with failures" | "cancelled during send" | "cancelled" | "failed before send"; stateReason: string | null; gate: { position: "open" | "paused" | "cancelled"; by: string | null; why: string | null; at: string | null }; startedBy: string; createdAt: string; endedAt: string | null; account: Account | null; progress: Account; plan: { audience: { segmentRows: number; malformed: number; duplicates: number; excluded: number; planned: number }; requests: { multicast: number; push: number }; recipients: { multicast: number; push: number } } | null; splitCalls: number; warehouseUsage: { jobs: number; bytesProcessed: number; bytesBilled: number; slotMs: number } | null; doing: { what: string; waitsFor: string | null; since: string; lastOutcomeAt: string | null }; alerts: ({ kind: "unserved" | "temporal-away" | "interrupted" | "paused-by-lfm" | "stalled"; waitsFor: string; since: string; raisedAt: string })[] }

// prettier-ignore
type OperatorAnswer = { delivery: Delivery; temporal: "told" | "pending" | "away" }

// prettier-ignore
type RecoveryList = { items: ({ id: string; isRecovered: boolean; detail: string | null })[] }

// prettier-ignore
type DeliveryHistory = { items: ({ id: number; at: string; kind: string; by: string | null; detail: string | null })[] }

// prettier-ignore
type MalformedIds = { items: (string)[] }

// prettier-ignore
type Segment = { id: string; name: string; dialect: "duckdb" | "bigquery"; sql: string; createdAt: string; updatedAt: string; deletedAt: string | null }

// prettier-ignore
type SegmentList = { items: (Segment)[] }

// prettier-ignore
type SegmentPreview = { columns: ({ name: string; type: string })[]; hasRows: boolean }

// prettier-ignore
type SegmentUpload = { segment: Segment; table: string; columns: (string)[]; encoding: "utf-8" | "utf-16le" | "utf-16be" | "shift_jis"; read: number; valid: number; duplicates: number; rejected: number; rejectedLines: ({ line: number; why: "no-user-id" | "wrong-number-of-values" | "value-too-long" | "unusable-sign" })[] }

// prettier-ignore
export type Problem = { type: string; title: string; status: number; detail: string; instance: string; errors?: ({ pointer?: string; parameter?: string; detail: string })[] }

/** What each operation takes and answers. */
// prettier-ignore
export interface Operations {
  createChannel: { input: { body: ChannelInput }; answer: Channel }
  listChannels: { input: object; answer: ChannelList }
  getChannel: { input: { params: { id: string } }; answer: ChannelWithRates }
  updateChannel: { input: { params: { id: string }; body?: ChannelChange }; answer: Channel }
  setChannelRate: { input: { params: { id: string }; body: ChannelRate }; answer: ChannelRateAnswer }
  createContent: { input: { body: ContentInput }; answer: Content }
  listContents: { input: object; answer: ContentList }
  getContent: { input: { params: { id: string }; query?: { version?: number } }; answer: Content }
  reviseContent: { input: { params: { id: string }; body: ContentInput }; answer: Content }
  createSegment: { input: { body: SegmentInput }; answer: Segment }
  listSegments: { input: object; answer: SegmentList }
  previewSegment: { input: { body: SegmentPreviewInput }; answer: SegmentPreview }
  uploadSegment: { input: { query: { name: string }; body: ReadableStream<Uint8Array> }; answer: SegmentUpload }
  getSegment: { input: { params: { id: string } }; answer: Segment }
  updateSegment: { input: { params: { id: string }; body: SegmentInput }; answer: Segment }
  deleteSegment: { input: { params: { id: string } }; answer: Segment }
  createCampaign: { input: { body: CampaignInput }; answer: Campaign }
  listCampaigns: { input: object; answer: CampaignList }
  getCampaign: { input: { params: { id: string } }; answer: Campaign }
  startCampaign: { input: { params: { id: string }; body?: StartInput }; answer: Delivery }
  listDeliveries: { input: { query?: { campaignId?: string; limit?: number } }; answer: DeliveryList }
  getDelivery: { input: { params: { id: string } }; answer: Delivery }
  watchDelivery: { input: { params: { id: string } }; answer: ReadableStream }
  getDeliveryHistory: { input: { params: { id: string } }; answer: DeliveryHistory }
  recoverDelivery: { input: { params: { id: string }; body: RecoverInput }; answer: Delivery }
  recoverDeliveries: { input: { body: RecoverInput }; answer: RecoveryList }
  pauseDelivery: { input: { params: { id: string }; body: OperatorInput }; answer: OperatorAnswer }
  resumeDelivery: { input: { params: { id: string }; body: OperatorInput }; answer: OperatorAnswer }
  cancelDelivery: { input: { params: { id: string }; body: OperatorInput }; answer: OperatorAnswer }
  retryDelivery: { input: { params: { id: string }; body?: RetryInput }; answer: Delivery }
  getRecipients: { input: { params: { id: string }; query?: { outcome?: "accepted" | "rejected" | "unknown" | "skipped" | "unsent" } }; answer: ReadableStream }
  getMalformedIds: { input: { params: { id: string }; query?: { limit?: number } }; answer: MalformedIds }
}

/** Where each operation is. */
// prettier-ignore
export const operations = {
  createChannel: { method: 'POST', path: '/channels' },
  listChannels: { method: 'GET', path: '/channels' },
  getChannel: { method: 'GET', path: '/channels/{id}' },
  updateChannel: { method: 'PATCH', path: '/channels/{id}' },
  setChannelRate: { method: 'PUT', path: '/channels/{id}/rate' },
  createContent: { method: 'POST', path: '/contents' },
  listContents: { method: 'GET', path: '/contents' },
  getContent: { method: 'GET', path: '/contents/{id}' },
  reviseContent: { method: 'PUT', path: '/contents/{id}' },
  createSegment: { method: 'POST', path: '/segments' },
  listSegments: { method: 'GET', path: '/segments' },
  previewSegment: { method: 'POST', path: '/segments/preview' },
  uploadSegment: { method: 'POST', path: '/segments/upload' },
  getSegment: { method: 'GET', path: '/segments/{id}' },
  updateSegment: { method: 'PUT', path: '/segments/{id}' },
  deleteSegment: { method: 'DELETE', path: '/segments/{id}' },
  createCampaign: { method: 'POST', path: '/campaigns' },
  listCampaigns: { method: 'GET', path: '/campaigns' },
  getCampaign: { method: 'GET', path: '/campaigns/{id}' },
  startCampaign: { method: 'POST', path: '/campaigns/{id}/deliveries' },
  listDeliveries: { method: 'GET', path: '/deliveries' },
  getDelivery: { method: 'GET', path: '/deliveries/{id}' },
  watchDelivery: { method: 'GET', path: '/deliveries/{id}/events' },
  getDeliveryHistory: { method: 'GET', path: '/deliveries/{id}/history' },
  recoverDelivery: { method: 'POST', path: '/deliveries/{id}/recover' },
  recoverDeliveries: { method: 'POST', path: '/deliveries/recover' },
  pauseDelivery: { method: 'POST', path: '/deliveries/{id}/pause' },
  resumeDelivery: { method: 'POST', path: '/deliveries/{id}/resume' },
  cancelDelivery: { method: 'POST', path: '/deliveries/{id}/cancel' },
  retryDelivery: { method: 'POST', path: '/deliveries/{id}/retry' },
  getRecipients: { method: 'GET', path: '/deliveries/{id}/recipients' },
  getMalformedIds: { method: 'GET', path: '/deliveries/{id}/malformed' },
} as const
