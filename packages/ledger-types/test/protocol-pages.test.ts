/** Goal: what docs/protocol says of the ledger in tables is what the code's own tables say. Method: rows are made from them and looked for. */
import { DOMAINS, type Domain, LEDGER_TAGS } from '@selvedge/crypto/transcript'
import { CHECKPOINT_BYTES, EVENTS, PARAMETERS } from '@selvedge/ledger-types'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const pageOf = (name: string): string => readFileSync(new URL(`../../../docs/protocol/${name}`, import.meta.url), 'utf8')
const withoutRemarks = (row: string): string => row.replaceAll(/ \([^)]*\)/g, '')
const rowsOf = (page: string): readonly string[] => page.split('\n').filter((line) => line.startsWith('|'))

const WIDTHS: Readonly<Record<string, string>> = { bytes20: ' 20', bytes32: ' 32', bytes: '' }

/** A field as the page writes it: what is named for its type is written once. */
function fieldText(name: string, type: string): string {
  return name === type ? name : `${name}${WIDTHS[type] ?? ` ${type}`}`
}

test('the events of the page are those of the table, with fields and widths in their order', () => {
  const rows = rowsOf(pageOf('ledger-transactions.md')).map(withoutRemarks)
  for (const [kind, { id, fields }] of Object.entries(EVENTS)) {
    const text = Object.entries(fields).map(([name, type]) => fieldText(name, type))
    expect(rows).toContain(`| ${id} ${kind} | ${text.join(' · ')} |`)
  }
})

test('the parameters of the page are those of the table, with defaults and bounds', () => {
  const rows = rowsOf(pageOf('ledger-blocks.md'))
  for (const [name, { id, unit, main, dev, min, max }] of Object.entries(PARAMETERS)) {
    const numbers = [main, dev, min, max].map((number) => number.toLocaleString('en-US'))
    expect(rows).toContain(`| ${[id, name, unit === 'micro' ? 'µ' : unit, ...numbers].join(' | ')} |`)
  }
})

test('tags and texts of the page stand in the one list', () => {
  const page = pageOf('ledger.md')
  const { ledgerBlock, leaf, node, committeeRoot, beaconCommit, beacon, checkpointSignature, nodeTransaction } = LEDGER_TAGS
  for (const tag of [ledgerBlock, leaf, node, committeeRoot, beaconCommit, beacon, checkpointSignature, nodeTransaction]) {
    expect(page).toMatch(new RegExp(`^\\|[^|]*\`${tag.toString(16).padStart(2, '0')}\``, 'm'))
  }
  const texts: readonly Domain[] = [
    'register',
    'noiseKey',
    'blsPossession',
    'pointer',
    'report',
    'reporter',
    'committee',
    'snapshot',
    'epoch',
  ]
  for (const text of texts) expect(page).toContain(`\`${DOMAINS[text].slice(0, -1)}\``)
})

test('a checkpoint has the length of its table', () => {
  const section = pageOf('ledger-blocks.md').split('## 2 Checkpoint')[1]!.split('**Which checkpoint')[0]!
  const sizes: Readonly<Record<string, number>> = { u32: 4, 'u64 each': 8, u8: 1, '32 each': 32, '32': 32 }
  const fields = rowsOf(section).slice(2)
  const bytes = fields.map((row) => row.split('|').map((cell) => cell.trim()))
  const total = bytes.reduce((sum, [, names, size]) => sum + names!.split(', ').length * sizes[size!]!, 0)
  expect(total).toBe(CHECKPOINT_BYTES)
})
