/** What is kept of what was found out: sizes that are proven, and what paths lead to. What is named by a hash never changes. */
const KNOWN_MAX = 256

/** The one used last is last; of more than 256 the first goes. */
export function remember<Value>(known: Map<string, Value>, key: string, value: Value): void {
  known.delete(key)
  known.set(key, value)
  if (known.size > KNOWN_MAX) known.delete(known.keys().next().value!)
}
