/**
 * Holds the small rules of style that a script can hold.
 *
 *   node tools/tidy.ts [PATH ...] [--root DIR]      only findings under PATH, where one is given
 *
 * Sources: 400 lines a file and 70 a function, no unfinished business in comments, no `Buffer` in public types, no `AbortSignal.any`, no clock, timer, chance or async
 * in deterministic code, no Node globals in browser-safe code, no skipped test. Tree: names, folders of three, blobs of 256 KiB, no registry
 * host, no path of this machine. Pages: links, README sections, every error code, every limit, figures equal to bench/RESULTS.md.
 */
import { existing, folderOf } from './rooms.ts'
import { filesOf, isScript, parse } from './sources.ts'
import { checkPages } from './tidy/page-rules.ts'
import { checkSource } from './tidy/source-rules.ts'
import { checkTree } from './tidy/tree-rules.ts'
import { type Finding, runTool } from './tool.ts'

export function tidy(root: string): Finding[] {
  const rooms = existing(root)
  const sources = filesOf(root, '.', isScript).flatMap((file) => {
    const room = rooms.find((each) => file.startsWith(`${folderOf(each)}/`))
    return checkSource(parse(root, file), room)
  })
  return [...sources, ...checkTree(root), ...checkPages(root)]
}

await runTool(import.meta, async ({ root, args }) => {
  return tidy(root).filter(({ file }) => args.length === 0 || args.some((path) => file.startsWith(path)))
})
