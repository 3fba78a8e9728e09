/** What a table of the state is: an id, how its keys and values stand in bytes, and what they mean. */
import { encodeField, type Field } from './fields.ts'

export interface Table<K, V> {
  /** 1 to 26 (state.md): the byte before the key in the tree, the snapshot and the store. */
  readonly id: number
  /** Its name; with a dot for one kind of row of a table that has several. */
  readonly name: string
  /** Stands before every key of this kind of row; empty where a table has one kind. */
  readonly prefix: Uint8Array
  readonly key: Field<K>
  readonly value: Field<V>
  /** One or two sentences for `state.md`. */
  readonly note: string
}

const NOTHING = new Uint8Array(0)

export function defineTable<K, V>(id: number, name: string, key: Field<K>, value: Field<V>, note: string, prefix?: string): Table<K, V> {
  return { id, name, key, value, note, prefix: prefix === undefined ? NOTHING : new TextEncoder().encode(prefix) }
}

/** The bytes of a key: the value itself where it is bytes, so copy what is kept. */
export function keyOf<K>({ prefix, key }: Pick<Table<K, unknown>, 'prefix' | 'key'>, value: K): Uint8Array {
  if (key.isBytes === true && prefix.length === 0) return value as unknown as Uint8Array
  const bytes = encodeField(key, value)
  if (prefix.length === 0) return bytes
  const out = new Uint8Array(prefix.length + bytes.length)
  out.set(prefix)
  out.set(bytes, prefix.length)
  return out
}

/** The first key above all that begin with `prefix`; `undefined` when there is none. */
export function afterPrefix(prefix: Uint8Array): Uint8Array | undefined {
  const out = prefix.slice()
  for (let i = out.length - 1; i >= 0; i--) {
    if (out[i] !== 0xff) {
      out[i] = (out[i] as number) + 1
      return out.subarray(0, i + 1)
    }
  }
  return undefined
}
