import { createCipheriv, createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { createNoiseInitiator, createNoiseResponder, NOISE_MESSAGE_BYTES_MAX, x25519KeyOf } from '../src/noise.ts'
import { createNoiseCipher, REKEY_MESSAGES } from '../src/noise-cipher.ts'
import { NkHandshake } from '../src/noise-handshake.ts'
import { hmacSha256 } from '../src/noise-hkdf.ts'
import { channelsOf, engines, PROLOGUE, secret, sidesOf } from './noise-sides.ts'

const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'))
/** Recorded; the vectors of others are in noise.vectors.test.ts. */
const HASH_OF_FIXED_KEYS = 'd771dfb1a9380f2a035f24bcfcb2f74721578adcf80d288ba023449768e65852'
const refused = { code: 'NOISE_REFUSED' }
const outOfTurn = { code: 'NOISE_OUT_OF_TURN' }
const badLength = expect.objectContaining({ code: 'NOISE_BAD_LENGTH' })
const pairs = engines.flatMap((one) => engines.map((other) => ({ names: `${one.name} and ${other.name}`, one, other })))

/** One changed copy for each byte, one for each length below, and one that is longer. */
function changesOf(message: Uint8Array): Uint8Array[] {
  const flipped = Array.from(message, (byte, i) => message.with(i, byte ^ 0x80))
  const cut = Array.from(message, (_, length) => message.slice(0, length))
  return [...flipped, ...cut, Uint8Array.from([...message, 0])]
}

test.each(engines)('$name: X25519 is that of RFC 7748, section 6.1', (engine) => {
  const alice = bytesOf('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a')
  const bob = bytesOf('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb')
  expect(toHex(engine.publicKeyOf(alice))).toBe('8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a')
  const agreed = [engine.sharedSecretOf(alice, engine.publicKeyOf(bob)), engine.sharedSecretOf(bob, engine.publicKeyOf(alice))]
  expect(agreed.map((bytes) => toHex(bytes!))).toEqual(Array(2).fill('4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742'))
})

test('HMAC is that of node:crypto, for every width of key that Noise has', () => {
  for (const width of [0, 1, 32, 64]) {
    const key = secret(7).slice(0, width)
    const expected = createHmac('sha256', key).update('one').update('two').digest('hex')
    expect(toHex(hmacSha256(key, new TextEncoder().encode('one'), new TextEncoder().encode('two')))).toBe(expected)
  }
})

test.each(pairs)(
  '$names: fixed keys give fixed bytes, one hash, and ciphers that fit, both ways and several at once',
  async ({ one, other }) => {
    const sides = sidesOf(one, other)
    const first = await sides.initiator.write()
    await sides.responder.read(first)
    const second = await sides.responder.write()
    expect(await sides.initiator.read(second)).toHaveLength(0)
    const [near, far] = [sides.initiator.split(), sides.responder.split()]
    expect([first.length, second.length]).toEqual([48, 48])
    expect([near.hash, far.hash].map(toHex)).toEqual(Array(2).fill(HASH_OF_FIXED_KEYS))
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      const plain = Array.from({ length: 20 }, (_, i) => new Uint8Array(i * i).fill(i))
      const sealed = await Promise.all(plain.map((bytes) => from.send.encrypt(bytes)))
      expect(sealed.map(({ length }) => length)).toEqual(plain.map(({ length }) => length + 16))
      expect(await Promise.all(sealed.map((bytes) => to.receive.decrypt(bytes)))).toEqual(plain)
    }
  },
)

test('keys that come as Buffers may be overwritten once the handshake is made', async () => {
  const keys = {
    staticSecret: Buffer.from(secret(1)),
    staticKey: Buffer.from(x25519KeyOf(secret(1))),
    ephemeralSecret: Buffer.from(secret(2)),
  }
  const remoteStatic = Buffer.from(keys.staticKey)
  const initiator = createNoiseInitiator({ prologue: PROLOGUE, remoteStatic })
  const responder = createNoiseResponder({ prologue: PROLOGUE, ...keys })
  for (const bytes of [remoteStatic, ...Object.values(keys)]) bytes.fill(0)
  await responder.read(await initiator.write())
  await initiator.read(await responder.write())
  expect(initiator.split().hash).toEqual(responder.split().hash)
})

test('what is written for a fresh handshake differs each time', async () => {
  const options = { prologue: PROLOGUE, remoteStatic: x25519KeyOf(secret(1)) }
  const messages = [await createNoiseInitiator(options).write(), await createNoiseInitiator(options).write()]
  expect(toHex(messages[0]!)).not.toBe(toHex(messages[1]!))
})

test.each(engines)('$name: no changed byte, cut or addition of either message gets through, and nothing follows', async (engine) => {
  const { initiator, responder } = sidesOf(engine, engine)
  const first = await initiator.write()
  for (const changed of changesOf(first)) {
    const { responder: victim } = sidesOf(engine, engine)
    await expect(victim.read(changed)).rejects.toMatchObject(refused)
    await expect(victim.read(first)).rejects.toMatchObject(outOfTurn)
    await expect(victim.write()).rejects.toMatchObject(outOfTurn)
    expect(() => victim.split()).toThrow(expect.objectContaining(outOfTurn))
  }
  await responder.read(first)
  const second = await responder.write()
  for (const changed of changesOf(second)) {
    const { initiator: victim } = sidesOf(engine, engine)
    await victim.write()
    await expect(victim.read(changed)).rejects.toMatchObject(refused)
    expect(() => victim.split()).toThrow(expect.objectContaining(outOfTurn))
  }
})

test.each(engines)('$name: a responder with another key or another prologue learns nothing and is not believed', async (engine) => {
  const first = await sidesOf(engine, engine).initiator.write()
  const others = [
    new NkHandshake(engine, { prologue: PROLOGUE }, engine.publicKeyOf(secret(9)), secret(9)),
    new NkHandshake(engine, { prologue: secret(0) }, engine.publicKeyOf(secret(1)), secret(1)),
    new NkHandshake(engine, { prologue: PROLOGUE }, engine.publicKeyOf(secret(1)), secret(9)), // claims a key that it does not hold
  ]
  for (const other of others) await expect(other.read(first)).rejects.toMatchObject(refused)
})

test.each(engines)('$name: keys of low order are refused at both ends', async (engine) => {
  const one = Uint8Array.of(1, ...new Uint8Array(31))
  for (const low of [new Uint8Array(32), one]) {
    expect(engine.sharedSecretOf(secret(1), low)).toBeUndefined()
    const caught = new NkHandshake(engine, { prologue: PROLOGUE }, low, undefined)
    await expect(caught.write()).rejects.toMatchObject(refused)
    const message = Uint8Array.of(...low, ...new Uint8Array(16))
    await expect(sidesOf(engine, engine).responder.read(message)).rejects.toMatchObject(refused)
  }
})

test('steps out of turn are refused', async () => {
  const { initiator, responder } = sidesOf(engines[0]!, engines[0]!)
  await expect(responder.write()).rejects.toMatchObject(outOfTurn)
  await expect(initiator.read(new Uint8Array(48))).rejects.toMatchObject(outOfTurn)
  expect(() => initiator.split()).toThrow(expect.objectContaining(outOfTurn))
  const writing = initiator.write()
  await expect(initiator.write()).rejects.toMatchObject(outOfTurn)
  const reading = responder.read(await writing)
  await expect(responder.write()).rejects.toMatchObject(outOfTurn) // while the first is under way
  await reading
  await initiator.read(await responder.write())
  initiator.split()
  expect(() => initiator.split()).toThrow(expect.objectContaining(outOfTurn))
})

test.each(engines)('$name: a changed, repeated, dropped, swapped or cut message of the channel is refused', async (engine) => {
  for (const spoil of [
    ([a, b]: Uint8Array[]) => [a!.with(0, a![0]! ^ 1), b!],
    ([a, b]: Uint8Array[]) => [a!.with(a!.length - 1, a!.at(-1)! ^ 1), b!],
    ([a]: Uint8Array[]) => [a!, a!],
    ([, b]: Uint8Array[]) => [b!],
    ([a, b]: Uint8Array[]) => [b!, a!],
    ([a]: Uint8Array[]) => [a!.slice(0, -1)],
    ([a]: Uint8Array[]) => [a!.slice(0, 15)],
    () => [new Uint8Array(NOISE_MESSAGE_BYTES_MAX + 1)],
  ]) {
    const [near, far] = await channelsOf(sidesOf(engine, engine))
    const sealed = [await near.send.encrypt(Uint8Array.of(1)), await near.send.encrypt(Uint8Array.of(2))]
    const opened = await Promise.allSettled(spoil(sealed).map((bytes) => far.receive.decrypt(bytes)))
    const faults = opened.flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : []))
    expect(faults[0]).toMatchObject(refused)
  }
})

test.each(engines)("$name: a channel's own message is not taken for the other side's", async (engine) => {
  const [near] = await channelsOf(sidesOf(engine, engine))
  await expect(near.receive.decrypt(await near.send.encrypt(Uint8Array.of(1)))).rejects.toMatchObject(refused)
})

test.each(engines)('$name: the key is replaced before message 2^20, and the nonce goes on', async (engine) => {
  const key = secret(5)
  const [sender, receiver] = [createNoiseCipher(engine, key, REKEY_MESSAGES - 1), createNoiseCipher(engine, key, REKEY_MESSAGES - 1)]
  const plain = [Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)]
  const sealed = await Promise.all(plain.map((bytes) => sender.encrypt(bytes)))
  expect(await Promise.all(sealed.map((bytes) => receiver.decrypt(bytes)))).toEqual(plain)
  const newKey = sealedByNode(key, Buffer.alloc(12).fill(255, 4), new Uint8Array(32)).subarray(0, 32)
  const nonceOf = (count: number): Buffer => {
    const nonce = Buffer.alloc(12)
    nonce.writeBigUInt64BE(BigInt(count), 4)
    return nonce
  }
  const expected = [
    sealedByNode(key, nonceOf(REKEY_MESSAGES - 1), plain[0]!),
    sealedByNode(newKey, nonceOf(REKEY_MESSAGES), plain[1]!),
    sealedByNode(newKey, nonceOf(REKEY_MESSAGES + 1), plain[2]!),
  ]
  expect(sealed.map(toHex)).toEqual(expected.map(toHex))
})

function sealedByNode(key: Uint8Array, nonce: Uint8Array, plain: Uint8Array): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

test('the longest message that there is comes through, one byte more does not', async () => {
  const [near, far] = await channelsOf(sidesOf(engines[0]!, engines[1]!))
  const longest = new Uint8Array(NOISE_MESSAGE_BYTES_MAX - 16).fill(3)
  const sealed = await near.send.encrypt(longest)
  expect(sealed).toHaveLength(NOISE_MESSAGE_BYTES_MAX)
  expect(await far.receive.decrypt(sealed)).toEqual(longest)
  await expect(near.send.encrypt(new Uint8Array(NOISE_MESSAGE_BYTES_MAX - 15))).rejects.toMatchObject({ code: 'NOISE_BAD_LENGTH' })
  expect(await far.receive.decrypt(await near.send.encrypt(Uint8Array.of(4)))).toEqual(Uint8Array.of(4)) // it took no nonce
})

test('a responder whose key is given derives none, and is the same; with another key it is nobody', async () => {
  const engine = engines[0]!
  const staticKey = engine.publicKeyOf(secret(1))
  const first = async (): Promise<Uint8Array> => await createNoiseInitiator({ prologue: PROLOGUE, remoteStatic: staticKey }).write()
  const options = { prologue: PROLOGUE, staticSecret: secret(1), ephemeralSecret: secret(3) }
  const [given, derived] = [createNoiseResponder({ ...options, staticKey }), createNoiseResponder(options)]
  const message = await first()
  await given.read(message)
  await derived.read(message)
  expect(await given.write()).toEqual(await derived.write())
  const another = createNoiseResponder({ ...options, staticKey: engine.publicKeyOf(secret(9)) })
  await expect(another.read(await first())).rejects.toMatchObject(refused)
})

test('a key of another width is a mistake of the caller', () => {
  const short = new Uint8Array(31)
  expect(() => x25519KeyOf(short)).toThrow(badLength)
  expect(() => createNoiseInitiator({ prologue: PROLOGUE, remoteStatic: short })).toThrow(badLength)
  expect(() => createNoiseResponder({ prologue: PROLOGUE, staticSecret: short })).toThrow(badLength)
  expect(() => createNoiseResponder({ prologue: PROLOGUE, staticSecret: secret(1), staticKey: short })).toThrow(badLength)
  expect(() => createNoiseResponder({ prologue: PROLOGUE, staticSecret: secret(1), ephemeralSecret: short })).toThrow(badLength)
})
