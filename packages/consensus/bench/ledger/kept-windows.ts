/** Windows of earlier runs, so that a sweep of hours can be made in parts: those of the same sources and the same times are not measured again. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { top } from '../../../../tools/tool.ts'
import type { Measured } from './measure.ts'

export interface WindowTimes {
  readonly warmUpSeconds: number
  readonly windowSeconds: number
}

/** A line of the file. */
interface KeptWindow extends WindowTimes {
  /** What was measured: a hash of the names and contents of the sources. */
  readonly code: string
  readonly subject: string
  readonly measured: Measured
}

export interface KeptWindows {
  /** How many were taken. */
  readonly taken: number
  /** The oldest that was not taken yet; undefined: measure it. */
  take(subject: string, perSecond: number): Measured | undefined
  keep(subject: string, measured: Measured): void
}

/** @param file - JSON lines; made when the first window is kept. */
export function createKeptWindows(file: string, { warmUpSeconds, windowSeconds }: WindowTimes): KeptWindows {
  const code = codeNow()
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []
  const left = lines
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as KeptWindow)
    .filter((each) => each.code === code && each.warmUpSeconds === warmUpSeconds && each.windowSeconds === windowSeconds)
  let taken = 0
  return {
    get taken() {
      return taken
    },
    take(subject, perSecond) {
      const at = left.findIndex((each) => each.subject === subject && each.measured.offeredPerSecond === perSecond)
      if (at < 0) return undefined
      taken++
      return restored(left.splice(at, 1)[0]!.measured)
    },
    keep(subject, measured) {
      const line: KeptWindow = { code, warmUpSeconds, windowSeconds, subject, measured }
      appendFileSync(file, `${JSON.stringify(line)}\n`)
    },
  }
}

/** JSON has no number for what never came. */
function restored(measured: Measured): Measured {
  const { p50Ms, p99Ms } = measured as { readonly p50Ms: number | null; readonly p99Ms: number | null }
  return { ...measured, p50Ms: p50Ms ?? Number.POSITIVE_INFINITY, p99Ms: p99Ms ?? Number.POSITIVE_INFINITY }
}

/** Of all files that a validator can load; key files are read by nobody here, so that a change of theirs keeps the windows. */
function codeNow(): string {
  const { status, stdout, stderr } = spawnSync('git', ['ls-tree', '-r', 'HEAD', 'packages/consensus/src', 'packages/crypto/src'], {
    cwd: top,
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`git does not know what is measured: ${stderr.trim()}`)
  const files = stdout.split('\n').filter((line) => !line.includes('/keyfile'))
  return createHash('sha256').update(files.join('\n')).digest('hex')
}
