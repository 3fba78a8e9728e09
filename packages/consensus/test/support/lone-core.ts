/**
 * One real core, and its committee played by the test: every frame that it hears and the time of each step are the test's. What it says is
 * kept with the time at which it said it. Its disk is durable at once.
 */
import { createCertifiedCore } from '../../src/core/certified-core.ts'
import type { Core, CoreEffect, CoreEvent, CoreOptions, EpochSetup } from '../../src/core/contract.ts'
import { createUncertifiedCore } from '../../src/core/uncertified.ts'
import type { Mode } from '../../src/dag/contract.ts'
import { blockDigest, blockSigningBytes } from '../../src/wire/block.ts'
import { certificateDigest, genesisDigest } from '../../src/wire/certificate.ts'
import { decodeFrame, encodeFrame, type Frame } from '../../src/wire/frames.ts'
import { headerDigest, headerSigningBytes } from '../../src/wire/header.ts'
import type { Ancestor, Authority, Block, Certificate, Header, SignedBlock, SignedHeader, Vote } from '../../src/wire/types.ts'
import { voteSigningBytes } from '../../src/wire/vote.ts'
import { createCheapCommittee, type TestCommittee } from './committee.ts'
import { MemoryRecords } from './memory-records.ts'

const CORES = { certified: createCertifiedCore, uncertified: createUncertifiedCore }
const GENESIS_MS = 1_700_000_000_000
const HASH = new Uint8Array(32).fill(7)

export interface Said {
  readonly atMs: number
  readonly to: Authority | 'others'
  readonly frame: Frame
}

export interface LoneOptions {
  readonly size: number
  readonly self: Authority
  readonly core?: CoreOptions
  /** Whether it asks the others for its floor before it signs (2.11). @default false */
  readonly isFirstBoot?: boolean
}

export interface Proposal {
  readonly round: number
  readonly atMs: number
  readonly systemTransactions: readonly Uint8Array[]
}

/** A vertex as those above it name it. */
export type Named = Ancestor

export class LoneCore {
  readonly setup: EpochSetup
  readonly committee: TestCommittee
  readonly core: Core
  readonly records: MemoryRecords = new MemoryRecords()
  readonly said: Said[] = []
  readonly counts: Map<string, number> = new Map()
  readonly others: readonly Authority[]
  #nowMs = 0

  constructor(mode: Mode, { size, self, core = {}, isFirstBoot = false }: LoneOptions) {
    this.committee = createCheapCommittee(size)
    this.setup = setupOf(mode, this.committee, self, isFirstBoot)
    this.others = this.committee.members.map((_, authority) => authority).filter((authority) => authority !== self)
    this.core = CORES[mode]({ crypto: this.committee.cryptos[self]!, store: this.records, random: () => 1 }, this.setup, core)
    this.step({ type: 'start' })
  }

  get nowMs(): number {
    return this.#nowMs
  }

  get unixMs(): number {
    return GENESIS_MS + this.#nowMs
  }

  step(event: CoreEvent): void {
    const effects: CoreEffect[] = []
    this.core.step(event, { nowMs: this.#nowMs, unixMs: this.unixMs }, effects)
    for (const effect of effects) this.#note(effect)
  }

  /** Lets `ms` go by without a step. */
  rest(ms: number): void {
    this.#nowMs += ms
  }

  /** A tick every millisecond until `isDone`. @returns the milliseconds that it took. @throws where `withinMs` are not enough. */
  tickUntil(isDone: () => boolean, withinMs: number): number {
    const startMs = this.#nowMs
    while (!isDone()) {
      if (this.#nowMs - startMs >= withinMs) throw new Error(`not within ${withinMs} ms`)
      this.rest(1)
      this.step({ type: 'tick' })
    }
    return this.#nowMs - startMs
  }

  /** In one step, as a turn of the driver brings them. */
  hear(...heard: readonly (readonly [from: Authority, frame: Frame])[]): void {
    const frames = heard.map(([from, frame]) => ({ from, frame: encodeFrame(frame, this.committee.members.length) }))
    this.step({ type: 'frames', frames })
  }

  count(name: string): number {
    return this.counts.get(name) ?? 0
  }

  /** Own headers, or blocks, as they were first said to all. */
  get proposals(): readonly Proposal[] {
    const proposals: Proposal[] = []
    for (const { atMs, to, frame } of this.said) {
      if (to !== 'others' || (frame.type !== 'header' && frame.type !== 'block')) continue
      const { round, systemTransactions } = frame.type === 'header' ? frame.header.header : frame.block.block
      if (!proposals.some((proposal) => proposal.round === round)) proposals.push({ round, atMs, systemTransactions })
    }
    return proposals
  }

  hasProposed(round: number): boolean {
    return this.proposals.some((proposal) => proposal.round === round)
  }

  /** The own header of `round`. */
  headerOf(round: number): SignedHeader {
    for (const { frame } of this.said) if (frame.type === 'header' && frame.header.header.round === round) return frame.header
    throw new Error(`no header of round ${round}`)
  }

  /** All that round 1 names. */
  genesis(): Named[] {
    const { chainId, genesisHash, epoch } = this.setup
    return this.committee.members.map((_, author) => ({ round: 0, author, digest: genesisDigest(chainId, genesisHash, epoch, author) }))
  }

  header(author: Authority, round: number, parents: readonly Named[], changes: Partial<Header> = {}): SignedHeader {
    const named = parents.map(({ author: of, digest }) => ({ author: of, digest })).toSorted((a, b) => a.author - b.author)
    const base = { epoch: this.setup.epoch, round, author, createdAtMs: GENESIS_MS, payload: [], parents: named, systemTransactions: [] }
    const header: Header = { ...base, ...changes }
    const digest = headerDigest(this.setup.chainId, header)
    return { header, signature: this.committee.cryptos[author]!.sign(headerSigningBytes(digest)) }
  }

  vote({ header }: SignedHeader, voter: Authority): Vote {
    const { epoch, round, author } = header
    const slot = { epoch, round, author, headerDigest: headerDigest(this.setup.chainId, header) }
    return { ...slot, voter, signature: this.committee.cryptos[voter]!.sign(voteSigningBytes(slot)) }
  }

  /** @param signers - ascending. @default everybody */
  certificate(signed: SignedHeader, signers: readonly Authority[] = this.committee.members.map((_, authority) => authority)): Certificate {
    const signatures = signers.map((voter) => this.vote(signed, voter).signature)
    return { header: signed.header, headerSignature: signed.signature, signers, signatures }
  }

  /** How the next round names a certificate of this header. */
  nameOf({ header }: SignedHeader): Named {
    const { chainId } = this.setup
    return { round: header.round, author: header.author, digest: certificateDigest(chainId, headerDigest(chainId, header)) }
  }

  /** @param ancestors - the author's own first. */
  block(author: Authority, round: number, ancestors: readonly Named[], changes: Partial<Block> = {}): SignedBlock {
    const base = { epoch: this.setup.epoch, round, author, createdAtMs: GENESIS_MS, ancestors, transactions: [], systemTransactions: [] }
    const block: Block = { ...base, ...changes }
    return { block, signature: this.committee.cryptos[author]!.sign(blockSigningBytes(blockDigest(this.setup.chainId, block))) }
  }

  nameOfBlock({ block }: SignedBlock): Named {
    return { round: block.round, author: block.author, digest: blockDigest(this.setup.chainId, block) }
  }

  #note(effect: CoreEffect): void {
    if (effect.type === 'persist') this.records.write(effect.records)
    else if (effect.type === 'count') this.counts.set(effect.name, this.count(effect.name) + effect.by)
    else if (effect.type === 'send') {
      const frame = decodeFrame(effect.frame.slice(), this.committee.members.length)
      this.said.push({ atMs: this.#nowMs, to: effect.to, frame })
    }
  }
}

function setupOf(mode: Mode, committee: TestCommittee, self: Authority, isFirstBoot: boolean): EpochSetup {
  return {
    chainId: 1337,
    epoch: 3,
    genesisHash: HASH,
    committee: committee.members,
    self,
    mode,
    beacon: new Uint8Array(32).fill(9),
    previous: { subDagDigest: HASH, timestampMs: GENESIS_MS },
    lastApplied: 0,
    isFirstBoot,
  }
}
