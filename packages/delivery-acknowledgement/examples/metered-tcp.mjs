/**
 * Two processes and a TCP connection: one meters a stream of bytes, the other signs for the first megabyte of it and then no more.
 * The stream stops a window later (one megabyte that was paid for has let it grow), and the node gives the client up when its clock has run out.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { addressOf, secp256k1PublicKeyOf, signSecp256k1 } from '@selvedge/crypto/secp256k1'
import { sessionIdOf } from '@selvedge/crypto/transcript'
import { delegationDigestOf, encodeDelegation } from '@selvedge/delivery-acknowledgement'
import { createPayer } from '@selvedge/delivery-acknowledgement/client'
import { createBooks, createFileAckStore } from '@selvedge/delivery-acknowledgement/node'

const [role, port, nodeKeyHex] = process.argv.slice(2)
const chainId = 7
const epoch = 5n
const nodeIndex = 2
const channelBinding = new Uint8Array(33) // a secure channel has one; plain TCP has none
const nowMs = () => performance.now()
const UNIT = 16_384
const SIGNED = 1_048_576n
const WINDOW_MOST = 16_777_216n

/** Frames on a socket: a length, then what `serialize` makes of `[name, ...arguments]`. */
function wire(socket, calls) {
  let held = Buffer.alloc(0)
  socket.on('data', (bytes) => {
    held = Buffer.concat([held, bytes])
    while (held.length >= 4 && held.length >= 4 + held.readUInt32LE()) {
      const end = 4 + held.readUInt32LE()
      const [name, ...values] = deserialize(held.subarray(4, end))
      held = held.subarray(end)
      calls[name](...values)
    }
  })
  return (...call) => {
    const body = serialize(call)
    const length = Buffer.alloc(4)
    length.writeUInt32LE(body.length)
    socket.write(Buffer.concat([length, body]))
  }
}

async function client() {
  const wallet = new Uint8Array(32).fill(1)
  const keys = createKeyPair()
  const account = addressOf(secp256k1PublicKeyOf(wallet))
  const allowed = { account, sessionKey: keys.publicKey, spendCap: 100_000n, notAfterEpoch: 9n, nonce: 0n, services: [] }
  const { signature, v } = signSecp256k1(delegationDigestOf(chainId, allowed), wallet)
  const delegation = { ...allowed, signature: Uint8Array.of(...signature, v) }
  const nodeKey = new Uint8Array(Buffer.from(nodeKeyHex, 'hex'))
  const payer = createPayer({ chainId, nodeKey, delegation, sign: keys.sign, capMicroUsd: 1_000n, nowMs })
  const clientRand = crypto.getRandomValues(new Uint8Array(16))
  let received = 0n
  const socket = connect(Number(port), '127.0.0.1')
  const send = wire(socket, {
    welcome(session, price) {
      payer.begin(session, { ack: (frame) => send('ack', frame), tick() {}, leave: () => socket.end() })
      payer.price(price)
      send('open', Uint8Array.of(1))
    },
    accept: (open, accept) => payer.lane(1, 0, open, accept),
    data(bytes) {
      received += BigInt(bytes.length) // where content has a root, it is verified here
      if (received <= SIGNED) payer.verified(1, received)
    },
    window: (frame) => payer.window(frame),
    ping: (nonce) => send('pong', nonce),
    goaway(code) {
      console.log(`client: ${payer.cost.bytes} bytes signed for, ${received - payer.cost.bytes} for nothing, then code ${code}`)
      socket.end()
    },
  })
  send('hello', encodeDelegation(delegation), keys.publicKey, clientRand)
}

async function node() {
  const nodeKey = createKeyPair().publicKey
  const folder = await mkdtemp(join(tmpdir(), 'acks-'))
  const store = await createFileAckStore(folder)
  const prices = { priceVersion: 1, bytePrice: 10n, cpuPrice: 50n }
  const rules = () => {
    return {
      chainId,
      epoch,
      nodeIndex,
      nodeKey,
      prices,
      multiplePpmOf: () => 1_000_000,
      clientOf: () => ({ clientIndex: 1, minNonce: 0n }),
    }
  }
  const means = () => ({ clientIndex: 1, free: 10n ** 9n, epochCap: 10n ** 9n, minNonce: 0n, reserve: 0n, creditors: 0 })
  const rand = (bytes) => crypto.getRandomValues(new Uint8Array(bytes))
  const books = createBooks({ rules, means, store, nowMs, rand }, { chainId, nodeKey, nodeIndex, epochMs: 1_800_000 })
  books.changeEpoch({
    epoch,
    priceVersion: 1,
    price: { ...prices, fromEpoch: epoch, services: [{ serviceId: 0, multiplePpm: 1_000_000 }] },
  })
  const server = createServer((socket) => serve(socket, books, nodeKey, rand)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const role = [...process.execArgv, import.meta.filename, 'client', String(server.address().port), Buffer.from(nodeKey).toString('hex')]
  await once(spawn(process.execPath, role, { stdio: 'inherit' }), 'exit')
  server.close()
  const { writtenOffBytes, defaults } = books.losses
  const [{ amount }] = store.all(epoch)
  await store.stop()
  await rm(folder, { recursive: true })
  console.log(`node: ${amount} µUSD to claim, ${writtenOffBytes} bytes lost`)
  if (defaults !== 1 || amount !== 10n || writtenOffBytes > WINDOW_MOST + BigInt(UNIT)) throw new Error('the books are wrong')
}

function serve(socket, books, nodeKey, rand) {
  let meter
  let sent = 0
  const pump = () => {
    while (meter.allow(1, UNIT, false)) {
      sent += UNIT
      send('data', new Uint8Array(UNIT))
      meter.sent(1, BigInt(sent), true)
    }
    setTimeout(() => meter.due(nowMs()), Math.max(0, Math.min(60_000, meter.deadlineMs - nowMs()) + 1))
  }
  const leave = (code) => {
    send('goaway', code)
    meter.over()
  }
  const send = wire(socket, {
    hello(delegation, clientKey, clientRand) {
      const nodeRand = rand(16)
      const admission = books.admit({ delegation, clientKey, clientRand, nodeRand, channelBinding })
      const { account, laneNonce, window, price } = admission
      const inputs = { chainId, account, sessionKey: clientKey, nodeKey, laneNonce, epoch, clientRand, nodeRand }
      const session = {
        sessionId: sessionIdOf(inputs),
        account,
        laneNonce,
        epoch,
        nodeIndex,
        priceVersion: 1,
        window,
        clientRand,
        nodeRand,
      }
      meter = admission.meter
      const frames = { window: (frame) => send('window', frame), ping: (nonce) => send('ping', nonce), epoch() {}, price() {}, meter() {} }
      meter.begin({ ...session, channelBinding }, { ...frames, wake: () => setImmediate(pump), leave })
      send('welcome', { ...session, channelBinding }, price)
    },
    open(body) {
      const answer = Uint8Array.of(2)
      meter.lane(1, 0, body, answer)
      send('accept', body, answer)
      pump()
    },
    ack(frame) {
      const code = meter.ack(frame, nowMs())
      if (code !== undefined) leave(code)
    },
    pong(nonce) {
      meter.pong(nonce, nowMs())
      pump()
    },
  })
}

await (role === 'client' ? client() : node())
