/** A new folder for a test's files, within the clone and ignored there. Whoever asks for it removes it. */
import { mkdirSync, mkdtempSync } from 'node:fs'
import { join } from 'node:path'

export function temporaryFolder(): string {
  const place = join(import.meta.dirname, '../../.tmp')
  mkdirSync(place, { recursive: true })
  return mkdtempSync(join(place, 'test-'))
}
