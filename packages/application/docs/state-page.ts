/**
 * The page of the state: makes `state.md` from the tables themselves; a test holds that it is current.
 *
 *   node --conditions=@selvedge/source packages/application/docs/state-page.ts
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SCHEMA, type Table } from '@selvedge/application'

const intro = `# State

Generated from the tables in \`src/state\` by \`state-page.ts\` beside this page; do not edit.

The state is 26 tables of rows. A row's place in the tree is \`SHA-256(table u8 ‖ key)\`, its leaf holds \`SHA-256(value)\`; a snapshot has all
rows ascending by (table, key bytes). So equal states have one root and one snapshot, and nothing else decides either.

- Numbers in **keys are big endian**, since keys are sorted as bytes; numbers in **values are little endian**.
- Fields stand one after another in the order given. Lists have a count before them, \`bytes\` and texts a u32 length. Nothing is optional.
- Where a table has several kinds of rows, the text in quotes stands before the key.
- Money is in µ (10^-6 of the token), rates in ppm; "from an epoch on" means that the row holds from the start of that epoch.
`

/** The page. */
export function statePage(): string {
  const parts = [intro]
  for (let id = 1; id <= 26; id++)
    parts.push(
      tableText(
        id,
        SCHEMA.filter((table) => table.id === id),
      ),
    )
  return parts.join('\n')
}

function tableText(id: number, kinds: readonly Table<unknown, unknown>[]): string {
  const name = kinds[0]?.name.split('.')[0] ?? ''
  const rows = kinds.map((kind) => `| ${kindName(kind)} | ${cell(keyText(kind))} | ${cell(kind.value.text)} | ${cell(kind.note)} |`)
  return [`## ${id} ${name}\n`, '| rows | key | value | |', '| --- | --- | --- | --- |', ...rows, ''].join('\n')
}

function kindName({ name }: Table<unknown, unknown>): string {
  return name.includes('.') ? name.slice(name.indexOf('.') + 1) : name
}

function keyText({ prefix, key }: Table<unknown, unknown>): string {
  const quoted = prefix.length === 0 ? [] : [`"${new TextDecoder().decode(prefix)}"`]
  return [...quoted, ...(key.text === '–' ? [] : [key.text])].join(' · ')
}

function cell(text: string): string {
  return text.replaceAll('|', String.raw`\|`)
}

if (import.meta.main) writeFileSync(join(import.meta.dirname, 'state.md'), statePage())
