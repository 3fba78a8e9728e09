/**
 * A network of validators on this machine: N processes under load, one of which may be killed, that may be cut in half, whose committee
 * and mode change with the epochs. It does what the story says and keeps what the story is judged by.
 */
import type { Mode } from '@selvedge/consensus'
import { linkSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from './client.ts'
import { freePorts } from './free-ports.ts'
import { committeeOf, freshSeeds, keysOf, type PublicIdentity, type Seeds } from './identity.ts'
import { readBlocks } from './journal.ts'
import type { AppliedBlock, FromValidator, ToValidator, ValidatorSettings } from './messages.ts'
import { startValidator, type ValidatorProcess } from './validators.ts'

/** What is waited for takes seconds; a machine with ten times as much to do as it can is waited for too. */
const UNTIL_MS_MAX = 120_000

export interface DevnetOptions {
  /** Seats of the committee; one key pair more is made, for whoever joins. */
  readonly validators: number
  readonly transfersPerSecond: number
  readonly folder: string
}

export interface DevnetEpoch {
  readonly validators: readonly number[]
  readonly mode: Mode
}

interface Seat {
  /** Killed or stopped on purpose: nobody brings it back but whoever did it. */
  isDown?: boolean
  process?: ValidatorProcess
  /** The last block that it said it has applied. */
  last?: AppliedBlock
}

export class Devnet {
  readonly #options: DevnetOptions
  readonly #genesisMs = Date.now()
  readonly #seeds: readonly Seeds[]
  readonly #seats: readonly Seat[]
  readonly #certificates = new Map<number, Uint8Array>()
  /** Height of the last block, by epoch. */
  readonly #finals = new Map<number, number>()
  readonly #failures: string[] = []
  #identities: readonly PublicIdentity[] = []
  #onNews = new Set<() => void>()
  readonly client: Client
  /** In epoch 1 a newcomer has the first validator's seat, in epoch 2 the order is Mysticeti-C's. */
  readonly epochs: readonly DevnetEpoch[]

  constructor(options: DevnetOptions) {
    this.#options = options
    const all = [...Array(options.validators + 1).keys()]
    this.epochs = [
      { validators: all.slice(0, -1), mode: 'certified' },
      { validators: all.slice(1), mode: 'certified' },
      { validators: all.slice(1), mode: 'uncertified' },
    ]
    this.#seeds = all.map(freshSeeds)
    this.#seats = all.map(() => ({}))
    this.client = new Client(options.transfersPerSecond, (validator) => this.#seats[validator]?.process)
  }

  /** By epoch: validators in the order of their authority indices. */
  get seats(): readonly (readonly number[])[] {
    return this.epochs.map(({ validators }) => committeeOf(this.#identities, validators).map(({ nodeIndex }) => nodeIndex))
  }

  /** Every validator that was ever started. */
  get started(): readonly number[] {
    return this.#seats.flatMap(({ process }, validator) => (process === undefined ? [] : [validator]))
  }

  lastOf(validator: number): AppliedBlock | undefined {
    return this.#seats[validator]?.last
  }

  heightOf(validator: number): number {
    return this.lastOf(validator)?.height ?? 0
  }

  folderOf(validator: number): string {
    return join(this.#options.folder, `validator-${validator}`)
  }

  /** Starts the first committee; resolves when each of them has applied a block. */
  async start(): Promise<void> {
    const ports = await freePorts(this.#seeds.length)
    this.#identities = this.#seeds.map((seeds, i) => {
      const { nodeKey, blsKey } = keysOf(seeds)
      return { key: nodeKey.publicKey, blsKey: blsKey.publicKey, port: ports[i] ?? 0 }
    })
    const first = this.epochs[0]?.validators ?? []
    await Promise.all(first.map((validator) => this.#startSeat(validator)))
    this.client.use(first)
    await this.until('the first blocks', () => first.every((validator) => this.heightOf(validator) > 0))
  }

  async kill(validator: number): Promise<void> {
    ;(this.#seats[validator] as Seat).isDown = true
    await this.#seats[validator]?.process?.kill()
  }

  async restart(validator: number): Promise<void> {
    await this.#startSeat(validator)
  }

  cut(...groups: readonly (readonly number[])[]): void {
    for (const group of groups) for (const validator of group) this.#tell(validator, { type: 'reach', validators: group })
  }

  heal(): void {
    for (const validator of this.started) this.#tell(validator, { type: 'reach', validators: [...this.#seats.keys()] })
  }

  /** All members say that they are ready; resolves when everybody who has a seat in the next epoch has applied a block of it. */
  async closeEpoch(epoch: number): Promise<void> {
    const { validators } = this.epochs[epoch] as DevnetEpoch
    const next = (this.epochs[epoch + 1] as DevnetEpoch).validators
    this.keepLogs()
    for (const validator of validators) this.#tell(validator, { type: 'closeEpoch' })
    await this.until(`the last block of epoch ${epoch}`, () => this.#certificates.has(this.#finals.get(epoch) ?? -1))
    this.client.use(next)
    for (const newcomer of next.filter((validator) => !validators.includes(validator))) await this.#join(newcomer, epoch, validators)
    await this.until(`blocks of epoch ${epoch + 1}`, () => next.every((validator) => (this.lastOf(validator)?.epoch ?? -1) > epoch))
  }

  /**
   * A validator's log of an epoch is deleted when nobody needs it any more; the audit does. A second name for each file keeps it, with
   * all that is written to it later.
   */
  keepLogs(): void {
    for (const validator of this.started) {
      const wal = join(this.folderOf(validator), 'wal')
      for (const epoch of readdirSync(wal).filter((name) => name.startsWith('epoch-'))) {
        const kept = join(this.keptLogsOf(validator), epoch)
        mkdirSync(kept, { recursive: true })
        const names = new Set(readdirSync(kept))
        for (const name of readdirSync(join(wal, epoch))) if (!names.has(name)) linkSync(join(wal, epoch, name), join(kept, name))
      }
    }
  }

  keptLogsOf(validator: number): string {
    return join(this.folderOf(validator), 'kept')
  }

  async stop(): Promise<void> {
    this.client.stop()
    this.keepLogs()
    for (const seat of this.#seats) seat.isDown = true
    await Promise.all(this.#seats.flatMap(({ process }) => (process?.isAlive === true ? [process.stop()] : [])))
  }

  /** Resolves when it holds. Fails when a validator did, or after a time in which all that is asked here should long have happened. */
  async until(what: string, holds: () => boolean, timeoutMs: number = UNTIL_MS_MAX): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const end = (run: () => void): void => {
        clearTimeout(timer)
        this.#onNews.delete(look)
        run()
      }
      const look = (): void => {
        const failure = this.#failures[0]
        if (failure !== undefined) end(() => reject(new Error(failure)))
        else if (holds()) end(resolve)
      }
      const timer = setTimeout(() => end(() => reject(new Error(`${what}: not after ${timeoutMs / 1000} s`))), timeoutMs)
      this.#onNews.add(look)
      look()
    })
  }

  #tell(validator: number, message: ToValidator): void {
    this.#seats[validator]?.process?.tell(message)
  }

  async #startSeat(validator: number, joinsAt?: ValidatorSettings['joinsAt']): Promise<void> {
    const folder = this.folderOf(validator)
    mkdirSync(folder, { recursive: true })
    const own = { self: validator, seeds: this.#seeds[validator] as Seeds, folder }
    const settings = { ...own, identities: this.#identities, epochs: this.epochs, genesisMs: this.#genesisMs }
    const process = await startValidator({ ...settings, ...(joinsAt === undefined ? {} : { joinsAt }) }, (message) =>
      this.#hear(validator, message),
    )
    const seat = this.#seats[validator] as Seat
    seat.process = process
    seat.isDown = false
    void process.exited.then(() => {
      if (seat.isDown !== true) void this.#startSeat(validator).catch((error: unknown) => this.#failures.push(String(error)))
    })
  }

  /** What came before is copied from a member's journal up to the final block; the newcomer checks it by the members' certificate. */
  async #join(newcomer: number, epoch: number, members: readonly number[]): Promise<void> {
    const height = this.#finals.get(epoch) ?? 0
    const giver = members.find((validator) => this.heightOf(validator) >= height) ?? 0
    const journal = readFileSync(join(this.folderOf(giver), 'journal'))
    const ends: number[] = []
    readBlocks(journal, (_, end) => ends.push(end))
    mkdirSync(this.folderOf(newcomer), { recursive: true })
    writeFileSync(join(this.folderOf(newcomer), 'journal'), journal.subarray(0, ends[height - 1] ?? 0))
    await this.#startSeat(newcomer, { epoch, certificate: this.#certificates.get(height) ?? new Uint8Array() })
  }

  #hear(validator: number, message: FromValidator): void {
    this.client.hear(validator, message)
    if (message.type === 'certified') this.#certificates.set(message.height, message.certificate)
    if (message.type === 'failed') this.#failures.push(`validator ${validator}: ${message.reason}`)
    if (message.type === 'applied') {
      const { block } = message
      ;(this.#seats[validator] as Seat).last = block
      if (block.isFinal) this.#finals.set(block.epoch, block.height)
    }
    for (const look of this.#onNews) look()
  }
}
