// Reads a whole statement: which kind it is, the table it writes, and its parts translated.
import { BigQueryError, unsupported } from './errors.ts'
import { type RangePartitioning, type TimePartitioning } from './catalog.ts'
import { createReader, type Reader } from './reader.ts'
import { readPath } from './table-path.ts'
import { readClauses, readOptions, type TableOptions } from './table-clauses.ts'
import { placeOf } from './tokens.ts'
import {
  createTranslator,
  type Notes,
  type Piece,
  type TranslateContext,
  type Translator,
} from './translate.ts'
import { typeNamed, type Field } from './schema.ts'

/** A statement that was read. */
export interface Statement {
  /** As `statistics.query.statementType` names it. */
  type:
    | 'SELECT' | 'CREATE_TABLE' | 'CREATE_TABLE_AS_SELECT' | 'CREATE_VIEW' | 'DROP_TABLE' | 'DROP_VIEW'
    | 'ALTER_TABLE' | 'INSERT' | 'UPDATE' | 'DELETE' | 'MERGE' | 'TRUNCATE_TABLE' | 'SCRIPT' // prettier-ignore
  /** The query of a SELECT or of CREATE … AS; for DML what follows the table. */
  pieces: Piece[]
  /** DuckDB's words before the table of DML. */
  opening?: string
  /** Path of the table that is written, as written. */
  target?: { parts: string[]; place: string }
  isOrReplace: boolean
  ifNotExists: boolean
  ifExists: boolean
  columns?: Field[]
  range?: RangePartitioning
  time?: TimePartitioning
  clustering?: string[]
  options: TableOptions
  /** A view's query as written. */
  viewText?: string
  notes: Notes
}

const DML_WORDS = new Set('VALUES MATCHED UPDATE INSERT DELETE SOURCE TARGET'.split(' '))

/** Reads the statement. @throws BigQueryError invalidQuery, notFound */
export function readStatement(sql: string, context: TranslateContext): Statement {
  const reader = createReader(sql)
  if (reader.peek().kind === 'end')
    throw new BigQueryError('invalidQuery', 'Syntax error: Unexpected end of script', 'query')
  const statement = readOne(reader, context)
  while (reader.take(';'));
  if (reader.peek().kind !== 'end') {
    if (reader.last()?.key === ';') return { ...statement, type: 'SCRIPT' }
    throw reader.unexpected()
  }
  return statement
}

function readOne(reader: Reader, context: TranslateContext): Statement {
  const translator = createTranslator(reader, context)
  const empty: Statement = {
    type: 'SELECT', pieces: [], isOrReplace: false, ifNotExists: false, ifExists: false, options: {}, notes: translator.notes,
  } // prettier-ignore
  const word = reader.peek().key
  switch (word) {
    case 'SELECT':
    case 'WITH':
    case '(':
      return { ...empty, pieces: query(reader, translator) }
    case 'CREATE':
      return create(reader, context, empty)
    case 'DROP': {
      reader.next()
      const kind = reader.next().key
      if (kind !== 'TABLE' && kind !== 'VIEW') throw unsupported(`DROP ${kind}`, '[1:1]')
      const ifExists = reader.take('IF', 'EXISTS')
      return { ...empty, type: `DROP_${kind}`, ifExists, target: target(reader) }
    }
    case 'ALTER': {
      reader.next()
      if (!reader.take('TABLE') && !reader.take('VIEW')) throw unsupported('this ALTER', '[1:1]')
      const ifExists = reader.take('IF', 'EXISTS')
      const path = target(reader)
      if (!reader.isAt('SET', 'OPTIONS'))
        throw unsupported('ALTER TABLE but with SET OPTIONS', here(reader))
      reader.expect('SET')
      return {
        ...empty,
        type: 'ALTER_TABLE',
        ifExists,
        target: path,
        options: readOptions(reader, context),
      }
    }
    case 'TRUNCATE':
      reader.expect('TRUNCATE', 'TABLE')
      return { ...empty, type: 'TRUNCATE_TABLE', opening: 'DELETE FROM', target: target(reader) }
    case 'INSERT':
    case 'UPDATE':
    case 'DELETE':
    case 'MERGE':
      return change(reader, context, word, empty)
    default:
      if (
        /^(DECLARE|BEGIN|SET|CALL|EXECUTE|IF|LOOP|WHILE|FOR|EXPORT|LOAD|GRANT|REVOKE|ASSERT)$/.test(
          word,
        )
      )
        throw unsupported(`the statement ${word}`, here(reader))
      throw reader.unexpected()
  }
}

function create(reader: Reader, context: TranslateContext, empty: Statement): Statement {
  reader.expect('CREATE')
  const isOrReplace = reader.take('OR', 'REPLACE')
  const isView = reader.take('VIEW')
  if (!isView && !reader.take('TABLE'))
    throw unsupported(`CREATE ${reader.peek().text}`, here(reader))
  const ifNotExists = reader.take('IF', 'NOT', 'EXISTS')
  const path = target(reader)
  const columns = !isView && reader.isAt('(') ? columnsOf(reader) : undefined
  const clauses = readClauses(reader, context)
  const base = {
    ...empty,
    isOrReplace,
    ifNotExists,
    target: path,
    ...clauses,
    ...(columns ? { columns } : {}),
  }
  if (!reader.take('AS')) {
    if (isView || !columns) throw reader.unexpected()
    return { ...base, type: 'CREATE_TABLE' }
  }
  const from = reader.peek().from
  const translator = createTranslator(reader, context)
  const pieces = query(reader, translator)
  const viewText = reader.sql.slice(from, reader.last()?.to)
  return {
    ...base,
    type: isView ? 'CREATE_VIEW' : 'CREATE_TABLE_AS_SELECT',
    pieces,
    viewText,
    notes: translator.notes,
  }
}

function change(
  reader: Reader,
  context: TranslateContext,
  word: 'INSERT' | 'UPDATE' | 'DELETE' | 'MERGE',
  empty: Statement,
): Statement {
  reader.next()
  const opening = {
    INSERT: 'INSERT INTO',
    UPDATE: 'UPDATE',
    DELETE: 'DELETE FROM',
    MERGE: 'MERGE INTO',
  }[word]
  if (!reader.take('INTO')) reader.take('FROM')
  const path = target(reader)
  const translator = createTranslator(reader, context, DML_WORDS)
  const pieces: Piece[] = []
  if (word === 'MERGE') {
    pieces.push(...translator.sequence('USING'))
    reader.expect('USING')
    pieces.push({ sql: 'USING' }, ...translator.fromItem())
  }
  pieces.push(...translator.sequence(';'))
  if ((word === 'UPDATE' || word === 'DELETE') && !pieces.some(({ sql }) => sql === 'WHERE'))
    throw new BigQueryError(
      'invalidQuery',
      `${word} must have a WHERE clause at ${path.place}`,
      'query',
    )
  return { ...empty, type: word, opening, target: path, pieces, notes: translator.notes }
}

function query(reader: Reader, translator: Translator): Piece[] {
  const pieces = translator.sequence(';')
  if (reader.isAt(')') || reader.isAt(']')) throw reader.unexpected()
  return pieces
}

function target(reader: Reader): { parts: string[]; place: string } {
  const path = readPath(reader)
  if (!path) throw reader.unexpected()
  return { parts: path.parts, place: placeOf(reader.sql, path.token.from) }
}

function columnsOf(reader: Reader): Field[] {
  reader.expect('(')
  const fields: Field[] = []
  do {
    const name = reader.next().text
    const isArray = reader.take('ARRAY', '<')
    const word = reader.next()
    const type = typeNamed(word.text)
    if (type === undefined || type === 'RECORD')
      throw unsupported(
        `the column type ${word.text} in CREATE TABLE`,
        placeOf(reader.sql, word.from),
      )
    if (isArray) reader.expect('>')
    const isRequired = reader.take('NOT', 'NULL')
    if (reader.isAt('OPTIONS')) readOptions(reader, undefined)
    fields.push({ name, type, mode: isArray ? 'REPEATED' : isRequired ? 'REQUIRED' : 'NULLABLE' })
  } while (reader.take(','))
  reader.expect(')')
  return fields
}

const here = (reader: Reader) => placeOf(reader.sql, reader.peek().from)
