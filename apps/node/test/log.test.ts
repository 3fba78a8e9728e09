// Goal: an operator's log tells of what went wrong here, and a stranger cannot fill a disk through it. Method: pino itself, into a list of lines.
import { LANE_INTERNAL, LANE_NOT_FOUND, LANE_ORIGIN_FAILED } from '@selvedge/content'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { laneLog } from '../src/cli/log.ts'

const LANE = { status: 404, mode: 'none', bytes: 0, ms: 1, cpuMicros: 0 }
const MINUTE_MS = 60_000

test('of lanes that failed one a minute and code is a warning, with the number of the others; what strangers ask in vain is none', () => {
  const lines: Record<string, unknown>[] = []
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) })
  let nowMs = 0
  const hear = laneLog(log, () => nowMs)
  const warned = (): unknown[] => lines.splice(0).map(({ level, laneCode, others }) => ({ level, laneCode, others }))
  for (let i = 0; i < 1_000; i++) {
    hear(LANE)
    hear({ ...LANE, laneCode: LANE_NOT_FOUND })
    hear({ ...LANE, laneCode: LANE_ORIGIN_FAILED })
  }
  hear({ ...LANE, laneCode: LANE_INTERNAL })
  expect(warned()).toEqual([
    { level: 40, laneCode: LANE_ORIGIN_FAILED, others: 0 },
    { level: 40, laneCode: LANE_INTERNAL, others: 0 },
  ])
  nowMs = MINUTE_MS
  for (let i = 0; i < 3; i++) hear({ ...LANE, laneCode: LANE_ORIGIN_FAILED })
  nowMs = 2 * MINUTE_MS
  hear({ ...LANE, laneCode: LANE_ORIGIN_FAILED })
  expect(warned()).toEqual([
    { level: 40, laneCode: LANE_ORIGIN_FAILED, others: 999 },
    { level: 40, laneCode: LANE_ORIGIN_FAILED, others: 2 },
  ])
})

test('at level debug every lane is there', () => {
  const lines: string[] = []
  const hear = laneLog(pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) }), () => 0)
  for (const laneCode of [LANE_NOT_FOUND, LANE_INTERNAL, LANE_INTERNAL]) hear({ ...LANE, laneCode })
  hear(LANE)
  expect(lines).toHaveLength(4)
})
