// Where Temporal is, by Temporal's own client configuration.
import { loadClientConnectConfig } from '@temporalio/envconfig'

export type TemporalConnectionOptions = ReturnType<
  typeof loadClientConnectConfig
>['connectionOptions']

export interface TemporalConfig {
  /** Whether the environment names a Temporal; the embedded dev server's place is taken where it does not. */
  readonly named: boolean
  /** host:port */
  readonly address: string
  readonly namespace: string
  /** For `Connection.connect` and `NativeConnection.connect`. Not enumerable, for it can hold an API key. */
  readonly connectionOptions: TemporalConnectionOptions
}

/**
 * Reads `TEMPORAL_*`. A temporal.toml counts only where `TEMPORAL_CONFIG_FILE` or `TEMPORAL_PROFILE` names it:
 * a person's default profile may be a production cluster, which a demo on a laptop must never reach.
 * @throws Error with what is wrong, without a full stop.
 */
export function readTemporalConfig(
  env: Record<string, string>,
  embeddedPort: number,
): TemporalConfig {
  // envconfig takes any other word, even TRUE, for false, and would connect without TLS.
  if ('TEMPORAL_TLS' in env && !/^(true|false|1|0)$/.test(env.TEMPORAL_TLS ?? '')) {
    throw new Error(`TEMPORAL_TLS must be true or false; it is "${env.TEMPORAL_TLS ?? ''}"`)
  }
  const fileNamed = 'TEMPORAL_CONFIG_FILE' in env || 'TEMPORAL_PROFILE' in env
  const { connectionOptions, namespace } = loadClientConnectConfig({
    overrideEnvVars: env,
    disableFile: !fileNamed,
  })
  const address = connectionOptions.address ?? `127.0.0.1:${embeddedPort}`
  const config = {
    named: connectionOptions.address !== undefined,
    address,
    namespace: namespace ?? 'default',
  }
  return Object.freeze(
    Object.defineProperty(config, 'connectionOptions', {
      value: Object.freeze({ ...connectionOptions, address }),
      enumerable: false,
    }) as TemporalConfig,
  )
}
