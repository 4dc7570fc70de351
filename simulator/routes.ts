// LINE's addresses: for each its endpoint's name, its rate limit and who answers.
import { type RateName } from './channels.ts'

/** How a request is handled: `token` by form and without a channel token, `send` and `validate` by JSON. */
export type RouteKind = 'token' | 'verify' | 'send' | 'validate' | 'reply' | 'account'

export interface Route {
  kind: RouteKind
  /** The name in faults, calls and stats. */
  endpoint: string
  /** Which function of its kind answers. */
  handler: string
  /** Method and path: LINE limits each on its own, whatever the path's parameters are. */
  bucket: string
  rate: RateName
}

const MESSAGE = '/v2/bot/message'
const routes = new Map<string, Route>()

function add(kind: RouteKind, address: string, endpoint: string, handler: string, rate?: RateName) {
  routes.set(address, { kind, endpoint, handler, bucket: address, rate: rate ?? 'otherPerSecond' })
}

add('send', `POST ${MESSAGE}/push`, 'push', 'push', 'pushPerSecond')
add('send', `POST ${MESSAGE}/multicast`, 'multicast', 'multicast', 'multicastPerSecond')
add('reply', `POST ${MESSAGE}/reply`, 'reply', 'reply')
for (const method of ['reply', 'push', 'multicast', 'narrowcast', 'broadcast'])
  add('validate', `POST ${MESSAGE}/validate/${method}`, 'validate', 'validate')
add('account', `GET ${MESSAGE}/quota`, 'quota', 'quota')
add('account', `GET ${MESSAGE}/quota/consumption`, 'consumption', 'consumption')
add('account', `GET ${MESSAGE}/aggregation/info`, 'aggregation', 'aggregationInfo')
add('account', `GET ${MESSAGE}/aggregation/list`, 'aggregation', 'aggregationList')
add('account', 'GET /v2/bot/info', 'info', 'info')
add('account', 'GET /v2/bot/followers/ids', 'followers', 'followers')
add('account', 'GET /v2/bot/profile/', 'profile', 'profile')
add('token', 'POST /oauth2/v3/token', 'token', 'stateless')
add('token', 'POST /oauth2/v2.1/token', 'token', 'v21')
add('token', 'POST /v2/oauth/accessToken', 'token', 'shortLived')
add('token', 'POST /v2/oauth/revoke', 'token', 'revoke')
add('token', 'POST /oauth2/v2.1/revoke', 'token', 'revoke')
add('token', 'POST /v2/oauth/verify', 'token', 'verify')
add('verify', 'GET /oauth2/v2.1/verify', 'token', 'verify')

/** The route of a request, or undefined where LINE (as far as it is simulated) has none. */
export function findRoute(method: string, path: string): Route | undefined {
  const route = routes.get(`${method} ${path}`)
  if (route !== undefined) return route
  return /^\/v2\/bot\/profile\/[^/]+$/.test(path)
    ? routes.get(`${method} /v2/bot/profile/`)
    : undefined
}
