// What happens apart from deliveries, as rows that a warehouse takes: clicks, and changes of friendships.

/** One click of a link in a message. */
export interface ClickRow {
  /** Made once by who takes the click; analysts tell clicks apart by it. */
  clickId: string
  /** ISO 8601 instant. */
  at: string
  deliveryId: string
  campaignId: string
  /** LFM's id of the channel. */
  channelId: string
  /** The variant of an A/B test; null where the campaign has none. */
  variant: string | null
  /** The link within the content. */
  linkId: string
  /** Where the link leads to. */
  url: string
  /** Null where the link was not made for one recipient, as in a multicast. */
  userId: string | null
}

/**
 * What changed a friendship. `follow` and `unfollow` are LINE's webhook events (a block is told as `unfollow`);
 * `import` says that the id stood in the channel's list of followers at that instant.
 */
export type FriendEventKind = 'follow' | 'unfollow' | 'import'

/** One change of a friendship. */
export interface FriendEvent {
  /** LINE's `webhookEventId`, or a name of an imported row; orders events of the same instant. */
  eventId: string
  /** ISO 8601 instant. */
  at: string
  /** LFM's id of the channel. */
  channelId: string
  userId: string
  kind: FriendEventKind
}
