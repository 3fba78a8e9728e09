/**
 * Writes the generated parts of the pages: the table of packages and the floors in README.md, and docs/limits.md.
 *
 *   node tools/docs.ts [--write] [--root DIR]      without --write it reports what differs
 */
import { join } from 'node:path'
import { limitsPage } from './limits.ts'
import { holdBlock } from './markers.ts'
import { pictureOf, tableOf } from './floors.ts'
import { type Finding, runTool } from './tool.ts'

export function checkDocs(root: string, write = false): Finding[] {
  const readme = join(root, 'README.md')
  return [
    ...holdBlock(readme, 'rooms', tableOf(root), write),
    ...holdBlock(readme, 'floors', pictureOf(root), write),
    ...holdBlock(join(root, 'docs/limits.md'), 'limits', limitsPage(root), write),
  ]
}

await runTool(import.meta, async ({ root, flags }) => checkDocs(root, flags.has('--write')))
