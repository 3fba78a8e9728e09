/**
 * What a client has sent and does not know to have arrived. A node recomputes a chain's content from every acknowledgement in turn, so one that was lost
 * with a connection is sent again, byte for byte, and those after it. A PING behind every few of them, once answered, says which need not be kept.
 */
import type { AckFrame, ClientLink, ResumedChains } from './ports.ts'

const ACKS_A_MARK = 32
/** More than a whole credit of a connection in the shortest steps. */
const KEPT_MOST = 2_048

interface SentAck {
  readonly epoch: bigint
  readonly serviceId: number
  readonly seq: number
  readonly frame: AckFrame
}

export class SentAcks {
  #kept: (SentAck & { readonly mark: bigint })[] = []
  #marks = 0n
  #unmarked = 0

  send(link: ClientLink, ack: SentAck): void {
    link.ack(ack.frame)
    this.#kept.push({ ...ack, mark: this.#marks + 1n })
    if (this.#kept.length > KEPT_MOST) this.#kept.shift()
    if (++this.#unmarked < ACKS_A_MARK) return
    this.#unmarked = 0
    link.ping?.(++this.#marks)
  }

  pong(nonce: bigint): void {
    this.#kept = this.#kept.filter(({ mark }) => mark > nonce)
  }

  /** Again what the node has not got, of epochs from `oldest` on. */
  resume(link: ClientLink, { chains }: ResumedChains, oldest: bigint): void {
    const seqs = new Map(chains.map(({ epoch, serviceId, seq }) => [`${epoch} ${serviceId}`, seq]))
    this.#kept = this.#kept.filter(({ epoch, serviceId, seq }) => epoch >= oldest && seq > (seqs.get(`${epoch} ${serviceId}`) ?? 0))
    for (const { frame } of this.#kept) link.ack(frame)
  }
}
