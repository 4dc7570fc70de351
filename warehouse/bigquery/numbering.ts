// The SQL that numbers a plan: counts of small cells, sums over the counts, and a row number within each cell.
// A window over a whole lane or group would be sorted by one machine of BigQuery's, which ends at some million rows
// with "Resources exceeded"; none here sees more than about 20,000 rows.
import { recipientsPerMulticast, smallestMulticastGroup, type Lane } from '../../domain/lane.ts'

/** Groups that one window sorts. */
const groupsPerStretch = 20_000

/**
 * Places every group: its lane, the size of its requests there and its first request.
 * Rows: (variables, lane, size, first_request, requests, recipients).
 * @param groups relation of (variables, recipients).
 * @param count how many groups there are.
 */
export function placedGroups(groups: string, count: number): string {
  return `
    WITH edges AS (
      SELECT ARRAY_AGG(variables ORDER BY variables) AS all_edges
      FROM ${groups} WHERE TO_HEX(MD5(variables)) < '${edgeShare(count)}'),
    ranged AS (
      SELECT variables, recipients,
        IF(recipients >= ${smallestMulticastGroup}, 'multicast', 'push') AS lane,
        IF(recipients >= ${smallestMulticastGroup}, ${recipientsPerMulticast}, 1) AS size,
        IF(recipients >= ${smallestMulticastGroup}, DIV(recipients + ${recipientsPerMulticast - 1}, ${recipientsPerMulticast}), recipients) AS requests,
        IFNULL(RANGE_BUCKET(variables, (SELECT all_edges FROM edges)), 0) AS stretch
      FROM ${groups}),
    stretches AS (SELECT lane, stretch, SUM(requests) AS requests FROM ranged GROUP BY lane, stretch),
    starts AS (
      SELECT lane, stretch, SUM(requests) OVER (PARTITION BY lane ORDER BY stretch) - requests AS first_of_stretch
      FROM stretches)
    SELECT variables, lane, size, requests, recipients,
      first_of_stretch
        + SUM(requests) OVER (PARTITION BY lane, stretch ORDER BY variables) - requests AS first_request
    FROM ranged JOIN starts USING (lane, stretch)`
}

/**
 * The hex digits below which a group's hash makes it an edge between stretches. Where edges fall changes no number, but
 * they must be the same in every statement and every try, so a hash chooses them and no sample.
 */
function edgeShare(count: number): string {
  const stretches = Math.ceil(count / groupsPerStretch)
  if (stretches <= 1) return '00000000'
  return Math.floor((stretches / count) * 0xffffffff)
    .toString(16)
    .padStart(8, '0')
}

/** A content without variables makes one group, which goes to the multicast lane however small it is. */
export function placedPlain(people: string): string {
  return `
    SELECT '{}' AS variables, 'multicast' AS lane, ${recipientsPerMulticast} AS size,
      DIV(COUNT(*) + ${recipientsPerMulticast - 1}, ${recipientsPerMulticast}) AS requests,
      COUNT(*) AS recipients, 0 AS first_request
    FROM ${people}`
}

/**
 * The plan rows of a lane: (request_no, ordinal, user_id, variables).
 * @param people relation of (user_id, variables), one row an id.
 * @param placed relation of placed groups.
 */
export function numbered(lane: Lane, people: string, placed: string): string {
  // The first three hex digits of an id part a group of 50 million into 4,096 cells of about 12,000.
  return `
    WITH celled AS (
      SELECT people.user_id, people.variables, SUBSTR(people.user_id, 2, 3) AS cell, placed.size, placed.first_request
      FROM ${people} AS people JOIN ${placed} AS placed USING (variables)
      WHERE placed.lane = '${lane}'),
    cells AS (SELECT variables, cell, COUNT(*) AS members FROM celled GROUP BY variables, cell),
    starts AS (
      SELECT variables, cell, SUM(members) OVER (PARTITION BY variables ORDER BY cell) - members AS first_of_cell
      FROM cells),
    lines AS (
      SELECT user_id, variables, cell, size, first_request,
        ROW_NUMBER() OVER (PARTITION BY variables, cell ORDER BY user_id) - 1 AS line
      FROM celled)
    SELECT first_request + DIV(first_of_cell + line, size) AS request_no,
      MOD(first_of_cell + line, size) AS ordinal, user_id, variables
    FROM lines JOIN starts USING (variables, cell)`
}
