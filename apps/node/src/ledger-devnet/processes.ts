/** The nodes of a ledger devnet as processes: started, told, killed, brought back; and what each last said. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { AppliedBlock, ContentPorts, FromNode, ProcessSettings, ToNode } from './messages.ts'

export const LEDGER_PROCESS_COMMAND = 'devnet-ledger-node'

/** The command line itself is the node's process too, from source as from a build. */
const ENTRY = import.meta.filename.endsWith('.ts') ? join(import.meta.dirname, '../main.ts') : join(import.meta.dirname, 'main.js')
const UNTIL_MS_MAX = 180_000

interface Seat {
  child?: ChildProcess
  isDown: boolean
  last?: AppliedBlock
}

export interface Settled {
  readonly refused: readonly number[]
}

export class Processes {
  readonly #seats = new Map<number, Seat>()
  readonly #onNews = new Set<() => void>()
  readonly #listeners = new Set<(index: number, message: FromNode) => void>()
  readonly #tickets = new Map<number, (settled: Settled | undefined) => void>()
  readonly #ticketsOf = new Map<number, Set<number>>()
  #failure: Error | undefined
  #nextTicket = 0

  /** `listener` hears everything that nodes say. */
  hear(listener: (index: number, message: FromNode) => void): void {
    this.#listeners.add(listener)
  }

  isUp(index: number): boolean {
    return this.#seats.get(index)?.isDown === false
  }

  heightOf(index: number): number {
    return this.#seats.get(index)?.last?.height ?? 0
  }

  epochOf(index: number): number {
    const last = this.#seats.get(index)?.last
    return last === undefined ? 0 : last.epoch + (last.nextCommittee === undefined ? 0 : 1)
  }

  /** Resolves when the node says that it takes part, with the ports of its content where it has some. */
  async start(settings: ProcessSettings): Promise<ContentPorts | undefined> {
    const { index } = settings.node
    const child = spawn(process.execPath, [...process.execArgv, ENTRY, LEDGER_PROCESS_COMMAND], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      serialization: 'advanced',
    })
    living.add(child)
    const seat: Seat = { ...this.#seats.get(index), child, isDown: false }
    this.#seats.set(index, seat)
    const started = new Promise<ContentPorts | undefined>((resolve, reject) => {
      child.on('message', (message: FromNode) => {
        if (message.type === 'started') resolve(message.content)
        if (message.type === 'failed') reject(new Error(`node ${index}: ${message.reason}`))
        this.#take(index, seat, message)
      })
      child.on('exit', (code) => {
        living.delete(child)
        for (const ticket of this.#ticketsOf.get(index) ?? []) this.#settle(index, ticket, undefined)
        const error = new Error(`node ${index} ended with code ${String(code)}`)
        reject(error)
        if (!seat.isDown) this.#fail(error)
      })
    })
    child.send({ type: 'start', settings } satisfies ToNode)
    return await started
  }

  /** `kill -9`; resolves when the process is gone. */
  async kill(index: number): Promise<void> {
    await this.#end(index, (child) => void child.kill('SIGKILL'))
  }

  async stop(): Promise<void> {
    const up = [...this.#seats.keys()].filter((index) => this.isUp(index))
    await Promise.all(up.map((index) => this.#end(index, (child) => void child.send({ type: 'stop' } satisfies ToNode, () => {}))))
  }

  /** Resolves with what was refused when the rest is durable; with nothing when the node died before it said so. */
  submit(index: number, transactions: readonly Uint8Array[]): Promise<Settled | undefined> {
    const child = this.#seats.get(index)?.child
    if (child?.connected !== true) return Promise.resolve(undefined)
    const ticket = this.#nextTicket++
    const open = this.#ticketsOf.get(index) ?? new Set<number>()
    this.#ticketsOf.set(index, open.add(ticket))
    return new Promise((resolve) => {
      this.#tickets.set(ticket, resolve)
      child.send({ type: 'submit', ticket, transactions } satisfies ToNode, () => {})
    })
  }

  /** Resolves when it holds. Fails when a node did, or after a time in which all that is asked here should long have happened. */
  async until(what: string, holds: () => boolean): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const end = (run: () => void): void => {
        clearTimeout(timer)
        this.#onNews.delete(look)
        run()
      }
      const look = (): void => {
        if (this.#failure !== undefined) end(() => reject(this.#failure as Error))
        else if (holds()) end(resolve)
      }
      const timer = setTimeout(() => end(() => reject(new Error(`${what}: not after ${UNTIL_MS_MAX / 1000} s`))), UNTIL_MS_MAX)
      this.#onNews.add(look)
      look()
    })
  }

  async #end(index: number, how: (child: ChildProcess) => void): Promise<void> {
    const seat = this.#seats.get(index)
    if (seat?.child === undefined || seat.isDown) return
    seat.isDown = true
    const gone = once(seat.child, 'exit')
    how(seat.child)
    await gone
  }

  #take(index: number, seat: Seat, message: FromNode): void {
    if (message.type === 'applied') seat.last = message.block
    if (message.type === 'settled') this.#settle(index, message.ticket, { refused: message.refused })
    if (message.type === 'failed') this.#fail(new Error(`node ${index}: ${message.reason}`))
    for (const listener of this.#listeners) listener(index, message)
    for (const look of this.#onNews) look()
  }

  #settle(index: number, ticket: number, settled: Settled | undefined): void {
    this.#ticketsOf.get(index)?.delete(ticket)
    this.#tickets.get(ticket)?.(settled)
    this.#tickets.delete(ticket)
  }

  #fail(error: Error): void {
    this.#failure ??= error
    for (const look of this.#onNews) look()
  }
}

/** Children that still run: whoever ends this process ends them with it. */
const living = new Set<ChildProcess>()

export function killLedgerNodes(): void {
  for (const child of living) child.kill('SIGKILL')
}
