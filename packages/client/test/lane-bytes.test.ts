import { expect, test } from 'vitest'
import { LaneBytes } from '../src/lane-bytes.ts'
import { createNodeLink } from '../src/node-link.ts'

const SILENT: AsyncIterable<Uint8Array> = { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) }

test('a node is timed only while somebody waits for what is verified ahead', async () => {
  const pace = { bytesPerSecondMin: 0, rateWindowMs: 60_000 }
  const address = { host: '127.0.0.1', port: 1, nodeKey: new Uint8Array(32) }
  const refuse = async (): Promise<never> => await Promise.reject(new Error('nobody connects'))
  const link = createNodeLink(address, refuse, { chainId: 1, lanesMax: 1, stallTimeoutMs: 10, pace })
  const resets: string[] = []
  const lane = {
    laneId: 1,
    metadata: new Uint8Array(0),
    source: SILENT,
    end() {},
    reset: (_: number, reason = '') => void resets.push(reason),
  }
  const bytes = new LaneBytes(lane, link, { bytes: 0 }, () => {})
  const wait: { sinceMs?: number } = {}
  bytes.waitingSinceMs = () => wait.sinceMs
  const step = bytes.next()
  let isOver = false
  step.catch(() => {
    isOver = true
  })
  await new Promise((resolve) => setTimeout(resolve, 100)) // ten times as long as it may be silent
  expect({ isOver, resets }).toEqual({ isOver: false, resets: [] })
  wait.sinceMs = performance.now()
  await expect(step).rejects.toMatchObject({ code: 'CLIENT_INTERRUPTED' })
  expect(resets).toEqual(['stalled'])
})
