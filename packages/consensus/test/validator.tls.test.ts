/** What a member can do to another over a connection that is its own: nothing in a third one's name (2.4). */
import type { TLSSocket } from 'node:tls'
import { afterEach, expect, test } from 'vitest'
import {
  createMemoryStore,
  createValidator,
  decodeFrame,
  encodeFrame,
  type Frame,
  genesisDigest,
  type Header,
  headerDigest,
  headerSigningBytes,
} from '../src/index.ts'
import { FrameSplitter } from '../src/tls/framing.ts'
import { encodeHello } from '../src/tls/hello.ts'
import { createTlsIdentity } from '../src/tls/identity.ts'
import { createTlsNetwork, type TlsAddress } from '../src/tls.node.ts'
import { ByteWriter } from '../src/wire/bytes.ts'
import { AccountsExecutor } from './support/accounts.ts'
import { CHAIN, createNodes, planOf, type TestNode } from './support/members.ts'
import { until } from './support/until.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

/** A member in the test's hands. */
interface Hand {
  readonly received: Frame[]
  send(frame: Frame): void
}

async function connect(node: TestNode, to: TestNode, address: TlsAddress): Promise<Hand> {
  const socket: TLSSocket = createTlsIdentity(node.keyPair).connect(address)
  closers.push(() => socket.destroy())
  await new Promise((resolve) => socket.once('secureConnect', resolve))
  const write = (frame: Uint8Array): void => {
    const length = Buffer.alloc(4)
    length.writeUInt32LE(frame.length)
    socket.write(Buffer.concat([length, frame]))
  }
  const splitter = new FrameSplitter()
  const received: Frame[] = []
  let isGreeted = false
  socket.on('data', (chunk: Uint8Array) => {
    splitter.push(chunk)
    for (let frame = splitter.take(); typeof frame !== 'string'; frame = splitter.take()) {
      if (isGreeted && frame.length > 0) received.push(decodeFrame(frame, 4))
      isGreeted = true
    }
  })
  write(encodeHello({ ...CHAIN, sender: node.keyPair.publicKey, receiver: to.keyPair.publicKey }))
  await until(() => isGreeted)
  return { received, send: (frame) => write(encodeFrame(frame, 4)) }
}

test("a header of another author over a valid connection is refused, and its author's own is voted for", async () => {
  const nodes = createNodes(4).toSorted((a, b) => Buffer.compare(a.keyPair.publicKey, b.keyPair.publicKey)) // by authority
  const genesis = planOf(nodes)
  const target = nodes[3]! // all others dial it
  const network = createTlsNetwork({ keyPair: target.keyPair, addressOf: () => undefined }, CHAIN)
  const address = await network.listen()
  const store = createMemoryStore()
  store.epoch(0).append([{ kind: 'floor', key: 'floor', bytes: new ByteWriter().u64(1).u64(0).finish() }]) // no first boot
  const executor = new AccountsExecutor({ genesis })
  const validator = createValidator({ network, store, executor, nodeKey: target.keyPair }, { ...CHAIN, genesis })
  closers.push(() => validator.stop())
  await validator.start()

  const author = nodes[0]!
  const parents = nodes.map((_, authority) => ({
    author: authority,
    digest: genesisDigest(CHAIN.chainId, CHAIN.genesisHash, 0, authority),
  }))
  const header: Header = { epoch: 0, round: 1, author: 0, createdAtMs: Date.now(), payload: [], parents, systemTransactions: [] }
  const digest = headerDigest(CHAIN.chainId, header)
  const signed = { header, signature: author.keyPair.sign(headerSigningBytes(digest)) }
  const [owner, other] = [await connect(author, target, address), await connect(nodes[1]!, target, address)]
  const votesFor = (hand: Hand): number => hand.received.filter((frame) => frame.type === 'vote' && frame.vote.author === 0).length

  other.send({ type: 'header', header: signed }) // good in every respect but the connection
  other.send({ type: 'header', header: signed })
  await until(() => validator.status().counts['headerOfAnother'] === 2) // both were looked at, and for this
  expect(votesFor(owner) + votesFor(other)).toBe(0)

  owner.send({ type: 'header', header: signed })
  await until(() => votesFor(owner) === 1)
  expect(votesFor(other)).toBe(0)
})
