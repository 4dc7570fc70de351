// Registers the search attributes that deliveries carry; once per namespace, again is the same.
import { type Connection, isGrpcServiceError } from '@temporalio/client'
import proto from '@temporalio/proto'
import { campaignAttribute, channelAttribute, stateAttribute } from '../workflows/messages.ts'

const keyword = proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
/** gRPC's ALREADY_EXISTS. */
const alreadyExists = 6

export async function ensureSearchAttributes(
  connection: Connection,
  namespace: string,
): Promise<void> {
  const wanted = [campaignAttribute, channelAttribute, stateAttribute].map(({ name }) => name)
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace })
  const missing = wanted.filter((name) => !(name in customAttributes))
  if (missing.length === 0) return
  try {
    await connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(missing.map((name) => [name, keyword])),
    })
  } catch (error) {
    // Another worker was quicker.
    if (!(isGrpcServiceError(error) && Number(error.code) === alreadyExists)) throw error
  }
}
