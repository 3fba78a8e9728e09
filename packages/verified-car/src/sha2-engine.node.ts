import { createHash } from 'node:crypto'
import type { IncrementalHash } from './ports.ts'

export function createSha256(): IncrementalHash {
  return createHash('sha256')
}

export function createSha512(): IncrementalHash {
  return createHash('sha512')
}
