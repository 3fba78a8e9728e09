/**
 * Prints the table of packages and the picture of the floors as they stand in the README; `pnpm run docs` writes them there.
 *
 *   node tools/floors.ts [--root DIR]
 */
import { existing, folderOf, type Room, rooms } from './rooms.ts'
import { runTool } from './tool.ts'

const tick = (claim: boolean | readonly string[]): string => (claim === true ? 'yes' : claim === false ? '' : 'part')

/** The package table of the README: rooms that exist, ground first. */
export function tableOf(root: string): string {
  const lines = existing(root).map((each) => {
    const { name, floor, job, browser, deterministic } = each
    const imports =
      each.imports === '*' ? 'everything below' : each.imports.filter((to) => existing(root).some((it) => it.name === to)).join(', ')
    return `| [\`${name}\`](${folderOf(each)}) | ${floor} | ${job} | ${imports} | ${tick(each.alone)} | ${tick(browser)} | ${tick(deterministic)} |`
  })
  const head = '| package | floor | its one job | imports | alone | browser | deterministic |\n| --- | --- | --- | --- | --- | --- | --- |'
  return [head, ...lines].join('\n')
}

const floorNames = ['ground', 'rules', 'means', 'wings', 'doors', 'services', 'roof'] as const

/** The floors as text, roof first; a room in brackets is planned and not built yet. */
export function pictureOf(root: string): string {
  const built = new Set(existing(root).map(({ name }) => name))
  const shown = (list: readonly Room[]): string => list.map(({ name }) => (built.has(name) ? name : `[${name}]`)).join('  ')
  const lines = floorNames.toReversed().flatMap((label, below) => {
    const floor = floorNames.length - 1 - below
    const here = rooms.filter((each) => each.floor === floor)
    const head = `${label.padEnd(9)}${floor}  `
    if (floor !== 3) return [head + shown(here)]
    const wings = (['content', 'overlay', 'ledger'] as const).map((wing) => `${wing}: ${shown(here.filter((each) => each.wing === wing))}`)
    return wings.map((line, index) => (index === 0 ? head : ' '.repeat(head.length)) + line)
  })
  return ['```text', ...lines, '```'].join('\n')
}

await runTool(import.meta, async ({ root }) => {
  process.stdout.write(`${tableOf(root)}\n\n${pictureOf(root)}\n`)
  return []
})
