/** The README against the code: every method stands in its tables, every error number is the one on the wire. */
import { readFileSync } from 'node:fs'
import { JSON_RPC_CODES } from '@selvedge/rpc'
import { expect, test } from 'vitest'
import type { Context } from '../src/context.ts'
import { Chain } from '../src/eth/chain.ts'
import { Mempool } from '../src/mempool.ts'
import { methodsOf } from '../src/rpc-server.ts'
import { TransactionPool } from '../src/transaction-pool.ts'
import { ReferenceLedger } from './reference-ledger.ts'

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
const sectionOf = (title: string): string => readme.split(`\n## ${title}\n`)[1]?.split('\n## ')[0] ?? ''

test('the tables of methods are the methods', () => {
  const ledger = new ReferenceLedger()
  const node = { peerCount: () => 0, readiness: () => ({ ready: true }) as const }
  const mempool = new Mempool({ ledger, submitter: ledger, pool: new TransactionPool(), nowMs: () => 0 })
  const context: Context = { ledger, node, mempool, clientVersion: 'x', chain: new Chain(ledger) }
  const rows = sectionOf('Methods')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
  const documented = rows.flatMap((row) =>
    [...(row.split(' | ')[0] ?? '').matchAll(/`((?:eth|net|web3|selvedge)_\w+)`/g)].map(([, name]) => name),
  )
  expect(documented).toHaveLength(new Set(documented).size)
  expect(new Set(documented)).toEqual(new Set(methodsOf(context).keys()))
})

test('the table of errors has the numbers of the wire', () => {
  const rows = [...sectionOf('Errors').matchAll(/^\| `(RPC_\w+)` \| (?:close )?(-?\d+) \|/gm)].map(([, code, number]) => [
    code,
    Number(number),
  ])
  expect(Object.fromEntries(rows)).toEqual(JSON_RPC_CODES)
})
