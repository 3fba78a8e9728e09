/** Gateways that let us wait: every wait has an end. */
import { afterEach, describe, expect, test } from 'vitest'
import { CAR_TYPE, carFor, flat, write } from './support.ts'
import { blocks, closeAll, CONTENT, failure, honest, originOf, root, start } from './world.ts'

afterEach(closeAll)

describe('a slow gateway', () => {
  const timeouts = { firstByteMs: 1_500, idleMs: 1_500 } // long enough for an honest gateway on a busy machine

  test('that never answers is left when the first byte is due', async () => {
    const [silent, second] = [await start(() => undefined), await start(honest)]
    expect(await flat(originOf([silent, second], { timeouts }).fetch(root))).toEqual(CONTENT)
    const error = await failure(originOf([silent], { timeouts }).fetch(root))
    expect([error.code, error.attempts[0]!.code]).toEqual(['ORIGIN_TIMEOUT', 'ORIGIN_TIMEOUT'])
  })

  test('that stalls in the middle is left, and the next goes on from there', async () => {
    const stalling = await start(async (asked, response) => {
      response.writeHead(200, { 'content-type': CAR_TYPE })
      await write(response, (await carFor(root, blocks, asked)).subarray(0, 200_000))
    })
    const second = await start(honest)
    expect(await flat(originOf([stalling, second], { timeouts }).fetch(root))).toEqual(CONTENT)
    expect(second.asked[0]!.range!.start).toBeGreaterThan(150_000)
  })

  test('that drips is left by its rate, though it never pauses for long', async () => {
    const dripping = await start(async (asked, response) => {
      response.writeHead(200, { 'content-type': CAR_TYPE })
      const car = await carFor(root, blocks, asked)
      for (let offset = 0; !response.destroyed; offset++) {
        await write(response, car.subarray(offset, offset + 1))
        await new Promise((resolve) => setImmediate(resolve))
      }
    })
    const error = await failure(
      originOf([dripping], { timeouts: { idleMs: 5_000, rateWindowMs: 30, bytesPerSecondMin: 10_000_000 } }).fetch(root),
    )
    expect(error.code).toBe('ORIGIN_TIMEOUT')
    expect(error.message).toMatch(/bytes in \d+ ms/)
  })

  test('that does not end after the last block does not hold the result back', async () => {
    const hanging = await start(async (asked, response) => {
      response.writeHead(200, { 'content-type': CAR_TYPE })
      await write(response, await carFor(root, blocks, asked))
    })
    expect(await flat(originOf([hanging]).fetch(root))).toEqual(CONTENT)
  })

  test('is never a slow reader: a consumer may pause as long as it likes', async () => {
    const gateway = await start(honest)
    let nowMs = 0
    const origin = originOf([gateway], { timeouts: { rateWindowMs: 1_000, idleMs: 1_000 } }, { nowMs: () => nowMs })
    const paused = (async function* () {
      for await (const block of origin.fetch(root)) {
        nowMs += 60_000
        yield block
      }
    })()
    expect(await flat(paused)).toEqual(CONTENT)
  })

  test('is left at once when the caller aborts, with the reason of the caller', async () => {
    const silent = await start(() => controller.abort(new Error('enough')))
    const controller = new AbortController()
    await expect(failure(originOf([silent]).fetch(root, { signal: controller.signal }))).rejects.toThrow('enough')
    await expect(failure(originOf([silent]).fetch(root, { signal: AbortSignal.abort(new Error('before')) }))).rejects.toThrow('before')
  })
})
