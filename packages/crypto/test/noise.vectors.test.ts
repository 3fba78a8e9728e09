import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { NkHandshake } from '../src/noise-handshake.ts'
import { engines } from './noise-sides.ts'

/** Published vectors are other projects' data: read where they lie beside the repository. One of them stands here, so that every clone has an answer. */
const file = join(import.meta.dirname, '../../../../shared/vectors/noise/25519_AESGCM_SHA256.json')
const isPresent = existsSync(file)
if (!isPresent) console.info('the published Noise vectors are not on this machine: only the one that stands here ran')

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
const PROTOCOL = 'Noise_NK_25519_AESGCM_SHA256'
/** Of cacophony (Haskell), from the file of vectors that it publishes (`vectors/cacophony.txt`): the entry of our pattern, whole. */
const KNOWN: Vector = {
  source: 'cacophony',
  protocol_name: PROTOCOL,
  init_prologue: '4a6f686e2047616c74',
  init_ephemeral: '893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a',
  init_remote_static: '31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62',
  resp_prologue: '4a6f686e2047616c74',
  resp_static: '4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893',
  resp_ephemeral: 'bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b',
  handshake_hash: 'f8a87aa8add4fea6e33365b89637486c2f6564546ce29d1df9ce9abf78c507d7',
  messages: [
    {
      payload: '4c756477696720766f6e204d69736573',
      ciphertext:
        'ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c794475ab4d66d222457dd414bc5f296bc7b4078cc7d72af5192628b68bca7d28844b',
    },
    {
      payload: '4d757272617920526f746862617264',
      ciphertext:
        '95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f14480884303c7d89310502baa8299520ba451624c3c0492e2698f8d457c32400b91fd8a',
    },
    { payload: '462e20412e20486179656b', ciphertext: '304f70c37c93573099228016d54cb15213af94eb598d1b17df1153' },
    { payload: '4361726c204d656e676572', ciphertext: 'a1bf6c954529f29b31d8ae9f67d2c18dbd332aa1a0918690c6d80b' },
    {
      payload: '4a65616e2d426170746973746520536179',
      ciphertext: '2e8f3e51888360b2b2d83a64dde9943c7dd3c5e84ac7c4b4e2d5cfc025b6c854d3',
    },
    {
      payload: '457567656e2042f6686d20766f6e2042617765726b',
      ciphertext: '8498bf41212a8b87c9eeb408274c75b3558fd0530865b5a7932d4b3af812d85b3df27e6f33',
    },
  ],
}
const published = isPresent
  ? (JSON.parse(readFileSync(file, 'utf8')) as Vector[]).filter((each) => each.protocol_name === PROTOCOL)
  : [KNOWN]

test('the vectors of cacophony and of snow were read, where they are, and ours is the published one', () => {
  expect(published.map(({ source }) => source)).toEqual(isPresent ? ['cacophony', 'snow'] : ['cacophony'])
  expect(published[0]).toEqual(KNOWN)
})

test.each(engines)('$name says and understands every message of the published vectors of our pattern', async (engine) => {
  for (const vector of published) {
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
