/** A client process that is killed with -9 in the middle, and a new one that finishes. */
import type { CID } from 'multiformats/cid'
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { holdsExactly } from './comparing.ts'
import { runCliJson, startCli } from './processes.ts'

export interface Interruption {
  /** What the killed process left on disk. */
  readonly keptBytes: number
  /** What the next one could prove of it. */
  readonly resumedAt: number
  /** Bytes of the file that were received twice: all that the next one received, less what was missing and the nodes. */
  readonly bytesAgain: number
  readonly ms: number
  readonly isTrue: boolean
}

/** Between two looks at the size of what was fetched: at most a few MiB come in that time. */
const LOOK_MS = 5

/**
 * Undefined where the first process was done before it could be killed.
 * @param truth - what the file at `cid` holds.
 */
export async function interrupt(
  address: string,
  cid: CID,
  truth: Uint8Array,
  output: string,
  share: number,
): Promise<Interruption | undefined> {
  const args = ['get', cid.toString(), '-o', output, '--node', address]
  const child = startCli([...args, '--json'])
  const exited = once(child, 'exit')
  let isOver = false
  void exited.then(() => (isOver = true))
  let keptBytes = 0
  while (!isOver && keptBytes < truth.length * share) {
    keptBytes = await stat(`${output}.part`).then(
      ({ size }) => size,
      () => keptBytes,
    )
    await delay(LOOK_MS) // not in every turn: there is other work to do beside this
  }
  child.kill('SIGKILL')
  await exited
  const left = await stat(`${output}.part`).catch(() => undefined)
  if (left === undefined) return undefined
  const began = performance.now()
  const { code, result } = await runCliJson(args)
  const ms = performance.now() - began
  const { resumedAt = 0, receivedBytes = 0, interiorBytes = 0 } = (result.file ?? {}) as Partial<Record<string, number>>
  const bytesAgain = receivedBytes - interiorBytes - (truth.length - left.size)
  const isTrue = code === 0 && (await holdsExactly(output, truth))
  return { keptBytes: left.size, resumedAt, bytesAgain, ms, isTrue }
}
