import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { NkHandshake } from '../src/noise-handshake.ts'
import { engines } from './noise-sides.ts'

/** Published vectors are other projects' data: read where they lie beside the repository, never copied into it. */
const file = join(import.meta.dirname, '../../../../shared/vectors/noise/25519_AESGCM_SHA256.json')
const isPresent = existsSync(file)
if (!isPresent) console.info('the published Noise vectors are not on this machine: only our own cases (noise.test.ts) ran')

interface Vector {
  readonly source: string
  readonly protocol_name: string
  readonly init_prologue: string
  readonly init_ephemeral: string
  readonly init_remote_static: string
  readonly resp_prologue: string
  readonly resp_static: string
  readonly resp_ephemeral: string
  readonly handshake_hash?: string
  readonly messages: readonly { readonly payload: string; readonly ciphertext: string }[]
}

const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'))
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const vectors = isPresent
  ? (JSON.parse(readFileSync(file, 'utf8')) as Vector[]).filter((each) => each.protocol_name === 'Noise_NK_25519_AESGCM_SHA256')
  : []

test('the vectors of cacophony and of snow were read, where they are', () => {
  expect(vectors.map(({ source }) => source)).toEqual(isPresent ? ['cacophony', 'snow'] : [])
})

test.each(engines)('$name says and understands every message of the published vectors of our pattern', async (engine) => {
  for (const vector of vectors) {
    const staticKey = bytesOf(vector.init_remote_static)
    expect(toHex(engine.publicKeyOf(bytesOf(vector.resp_static)))).toBe(vector.init_remote_static)
    const initiator = new NkHandshake(
      engine,
      { prologue: bytesOf(vector.init_prologue), ephemeralSecret: bytesOf(vector.init_ephemeral) },
      staticKey,
      undefined,
    )
    const responder = new NkHandshake(
      engine,
      { prologue: bytesOf(vector.resp_prologue), ephemeralSecret: bytesOf(vector.resp_ephemeral) },
      staticKey,
      bytesOf(vector.resp_static),
    )
    const [first, second, ...rest] = vector.messages
    const said = [await initiator.write(bytesOf(first!.payload))]
    const heard = [await responder.read(said[0]!)]
    said.push(await responder.write(bytesOf(second!.payload)))
    heard.push(await initiator.read(said[1]!))
    const ends = [initiator.split(), responder.split()] as const
    if (vector.handshake_hash !== undefined)
      expect(ends.map(({ hash }) => toHex(hash))).toEqual([vector.handshake_hash, vector.handshake_hash])
    for (const [i, { payload }] of rest.entries()) {
      const sealed = await ends[i % 2]!.send.encrypt(bytesOf(payload))
      said.push(sealed)
      heard.push(await ends[(i + 1) % 2]!.receive.decrypt(sealed))
    }
    expect(said.map(toHex)).toEqual(vector.messages.map(({ ciphertext }) => ciphertext))
    expect(heard.map(toHex)).toEqual(vector.messages.map(({ payload }) => payload))
  }
})
