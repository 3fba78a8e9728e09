/** The log of a node that runs: JSON lines on stderr, written before the process goes on, so that a node that dies has said why. */
import { LANE_BAD_FRAME, LANE_NOT_FOUND, LANE_RESUME_LOST } from '@selvedge/content'
import { destination, pino, type Logger } from 'pino'
import type { SeedOptions } from '../compose/key-file.ts'
import type { LaneEvent } from '../compose/lane-service.ts'
import type { NodeOptions } from '../compose/node.ts'

/** What says nothing of this node: any stranger may ask for what is not there, as often as it likes, and may not fill a disk with that. */
const ASKED_IN_VAIN: ReadonlySet<number> = new Set([LANE_BAD_FRAME, LANE_NOT_FOUND, LANE_RESUME_LOST])
/** What does is said once in so long for each code; how often it was is said with the next. */
const AGAIN_MS = 60_000

export function createLog(level: string): Logger {
  return pino({ name: 'selvedge', level }, destination({ dest: 2, sync: true }))
}

type ContentEvent = 'onLane' | 'onServiceLog' | 'onRecovery' | 'onEviction' | 'onError'

/** What is heard of content and of the store, with a ledger and without one. */
export function contentLog(log: Logger): Required<Pick<NodeOptions, ContentEvent>> {
  return {
    onLane: laneLog(log, () => performance.now()),
    onServiceLog: (level, text) => log[level]({ service: 'cdn' }, text),
    onRecovery: (event) => log.info(event, 'recovery'),
    onEviction: (event) => {
      if (event.type === 'full') log.warn(event, 'the store is full of what is paid for, added by the operator or being read')
      else log.debug({ root: Buffer.from(event.root).toString('hex'), size: event.size }, 'evicted')
    },
    onError: (error) => log.error({ err: error }, 'something did not work, the node goes on'),
  }
}

/** Every lane at level debug; of those that failed by this node's or an origin's doing one a minute and code as a warning, with the number of the others. */
export function laneLog(log: Pick<Logger, 'debug' | 'warn'>, nowMs: () => number): (event: LaneEvent) => void {
  const said = new Map<number, { atMs: number; others: number }>()
  return (event) => {
    const { laneCode } = event
    if (laneCode === undefined) return log.debug(event, 'lane')
    if (ASKED_IN_VAIN.has(laneCode)) return log.debug(event, 'lane reset')
    const last = said.get(laneCode)
    if (last !== undefined && nowMs() - last.atMs < AGAIN_MS) {
      last.others++
      return log.debug(event, 'lane reset')
    }
    log.warn({ ...event, others: last?.others ?? 0 }, 'lane reset')
    said.set(laneCode, { atMs: nowMs(), others: 0 })
  }
}

/** What an operator should know of the files of the keys. */
export function keyLog(log: Logger): Required<Pick<SeedOptions, 'onPlain' | 'onMade'>> {
  return {
    onPlain: (path) => log.info({ path }, 'the key is not encrypted on disk: a passphrase (--passphrase-file) does that'),
    onMade: (path) => log.warn({ path }, 'there was no key, a new one is made: keep a copy of it'), // or put the old one back, if there was one
  }
}
