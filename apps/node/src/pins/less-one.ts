/** Counts one of `key` less. @returns whether it was the last one. */
export function lessOne(counts: Map<string, number>, key: string): boolean {
  const left = (counts.get(key) ?? 0) - 1
  if (left > 0) counts.set(key, left)
  else counts.delete(key)
  return left <= 0
}
