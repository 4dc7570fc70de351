// Deletes a segment; the list that was uploaded as it goes from the warehouse with it.
import { type Segment } from '../store/segments.ts'
import { type ApiDeps } from './deps.ts'
import { Problem } from './problem.ts'

/** Names of so many are told; they are examples of what to look at. */
const mostNamed = 10

function named(things: readonly string[]): string {
  const more = things.length - mostNamed
  return `${things.slice(0, mostNamed).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}

function inUse(users: {
  segments: readonly Pick<Segment, 'id' | 'name'>[]
  deliveryIds: readonly string[]
}): Problem {
  const { segments, deliveryIds } = users
  const sentences = ['The list that was uploaded as this segment is needed still.']
  if (segments.length > 0)
    sentences.push(
      `Segments that read it: ${named(segments.map(({ id, name }) => `"${name}" (${id})`))}; change or delete them first.`,
    )
  if (deliveryIds.length > 0)
    sentences.push(
      `Deliveries that have not frozen their audience yet: ${named(deliveryIds)}; wait until they send, or cancel them.`,
    )
  return new Problem('segment-in-use', sentences.join(' '))
}

/**
 * Deletes it in the store, then its list. Asked for again it does what is left to do, and answers the same.
 * @throws Problem not-found, segment-in-use, warehouse-away
 */
export async function deleteSegment(
  { store, warehouse }: Pick<ApiDeps, 'store' | 'warehouse'>,
  id: string,
): Promise<Segment> {
  const deletion = await store.segments.delete(id)
  if (!deletion) throw new Problem('not-found', `There is no segment ${id}.`)
  if (deletion.kind === 'in use') throw inUse(deletion)
  const { segment, listId } = deletion
  if (listId !== null)
    await warehouse.dropList(listId).catch((cause: unknown) => {
      throw new Problem(
        'warehouse-away',
        'The segment is deleted, but the warehouse could not remove its list now. Send the request again.',
        { cause },
      )
    })
  return segment
}
