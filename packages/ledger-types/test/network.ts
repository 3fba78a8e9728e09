/** A small network for tests: keys from seeds, its genesis, certificates that its members sign. */
import { aggregateBls, type BlsKeyPair, createBlsKeyPair } from '@selvedge/crypto/bls'
import { createKeyPair, type KeyPair } from '@selvedge/crypto/ed25519'
import {
  type BlockCertificate,
  type Checkpoint,
  checkpointSigningBytes,
  type CommitteeMember,
  committeeRoot,
  compareBytes,
  createGenesisNode,
  devGenesis,
  encodeBlockCertificate,
  encodeCheckpoint,
  type GenesisContents,
} from '../src/index.ts'

export const CHAIN_ID = 1337
export const TIME_MS = 1_800_000_000_000
const ppm = 1_000_000

export interface Member {
  readonly keys: KeyPair
  readonly bls: BlsKeyPair
  readonly member: CommitteeMember
}

/** Members in authority order. @param stakes - one each. */
export function membersOf(stakes: readonly number[], firstSeed = 1): Member[] {
  const members = stakes.map((stake, i) => {
    const seed = new Uint8Array(32).fill(firstSeed + i)
    const keys = createKeyPair(seed)
    const bls = createBlsKeyPair(seed)
    return { keys, bls, member: { key: keys.publicKey, blsKey: bls.publicKey, stake, nodeIndex: firstSeed + i } }
  })
  return members.sort((a, b) => compareBytes(a.member.key, b.member.key))
}

export const committeeOf = (members: readonly Member[]): CommitteeMember[] => members.map(({ member }) => member)

/** A checkpoint of the members' chain. */
export function checkpointOf(members: readonly Member[], fields: Partial<Checkpoint> = {}): Checkpoint {
  const zero = new Uint8Array(32)
  const roots = { blockDigest: zero, txRoot: zero, stateRoot: zero, receiptsRoot: zero, nextCommitteeRoot: zero, snapshotRoot: zero }
  const place = { chainId: CHAIN_ID, epoch: 0, height: 1, timestampMs: TIME_MS, isFinal: false }
  return { ...place, ...roots, committeeRoot: committeeRoot(committeeOf(members)), ...fields }
}

/** Its certificate by these signers, encoded. */
export function certificateOf(members: readonly Member[], checkpoint: Checkpoint, signers: readonly number[]): Uint8Array {
  const message = checkpointSigningBytes(encodeCheckpoint(checkpoint))
  const aggregate = aggregateBls(signers.map((signer) => members[signer]!.bls.sign(message)))
  const certificate: BlockCertificate = { checkpoint, signers, aggregate }
  return encodeBlockCertificate(certificate, members.length)
}

/** A development network of so many nodes, all in the committee; their seeds are 1, 2, 3… in every byte. */
export function genesisOf(change: Partial<GenesisContents> = {}, count = 4): GenesisContents {
  const owner = new Uint8Array(20).fill(0xaa)
  const ports = { pool: 4001, sessions: 4433, websocket: 0, pinger: 4002 }
  const nodes = Array.from({ length: count }, (_, i) => {
    const byte = i + 1
    const seed = new Uint8Array(32).fill(byte)
    const keys = { keys: createKeyPair(seed), bls: createBlsKeyPair(seed), x25519: seed, notAfterEpoch: 100 }
    const addresses = [{ ip: Uint8Array.of(127, byte, 0, 1), ...ports }]
    return createGenesisNode({ chainId: CHAIN_ID, timeMs: TIME_MS, owner, ...keys, addresses, stake: 2_000n * 1_000_000n })
  })
  const governors = { threshold: 1, accounts: [owner] }
  return devGenesis({
    chainId: CHAIN_ID,
    timeMs: TIME_MS,
    governors,
    tokens: [{ symbol: 'USD', name: 'US dollar', keys: governors, cap: 10n ** 12n }],
    accounts: [{ address: owner, native: 10n ** 15n, balances: [{ token: 1, amount: 5_000_000n }] }],
    nodes,
    committee: nodes.map((_, nodeIndex) => nodeIndex),
    services: [{ owner, manifest: new Uint8Array(32), multiplePpm: ppm, payees: [{ account: owner, ppm }] }],
    ...change,
  })
}
