/**
 * Holds imports and manifests against the rooms (rooms.ts).
 *
 *   node tools/check-rooms.ts [--root DIR]
 *
 * An import of another room, subpaths and types included, must go to a lower floor, stand in the table, be declared in the manifest and be
 * exported there. Tests, benches and examples may import every lower room and `interface`. Built-ins of Node stay in files named `*.node.ts`
 * where the whole room is browser-safe, and are unreachable from its browser entry points in any case. No file imports itself by a detour.
 */
import { existsSync, readdirSync } from 'node:fs'
import { join, posix } from 'node:path'
import { checkBrowser, checkCycles } from './import-graph.ts'
import { isBuiltin, isExported, manifestOf } from './manifests.ts'
import { existing, folderOf, isAllowed, type Room, roomNamed, rooms } from './rooms.ts'
import { filesOf, isScript, parse, type Import, type Source } from './sources.ts'
import { type Finding, runTool } from './tool.ts'

const scope = '@selvedge/'
/** `@a/b/c` is entry `./c` of package `@a/b`. */
function splitSpecifier(specifier: string): { name: string; entry: string } {
  const parts = specifier.split('/')
  const name = parts.splice(0, specifier.startsWith('@') ? 2 : 1).join('/')
  return { name, entry: ['.', ...parts].join('/') }
}

/** The rule itself: why `from` may not import `to`, or undefined where it may. */
function refusal(from: Room, to: Room, isShipped: boolean): string | undefined {
  if (isShipped) return isAllowed(from, to) ? undefined : `${from.name} (floor ${from.floor}) may not import ${to.name} (floor ${to.floor})`
  const isLower = to.floor < from.floor || to.name === 'interface' || to.developmentOnly === true
  return isLower || from.imports.includes(to.name)
    ? undefined
    : `tests of ${from.name} (floor ${from.floor}) may not import ${to.name} (floor ${to.floor})`
}

function checkManifest(root: string, room: Room): Finding[] {
  const file = `${folderOf(room)}/package.json`
  const { dependencies, peerDependencies, optionalDependencies, devDependencies = {}, name } = manifestOf(root, room)
  const shipped = Object.keys({ ...dependencies, ...peerDependencies, ...optionalDependencies }).map((each) => [each, true] as const)
  const findings: Finding[] = name === scope + room.name ? [] : [{ file, message: `is named ${name}, not ${scope + room.name}` }]
  for (const [dependency, isShipped] of [...shipped, ...Object.keys(devDependencies).map((each) => [each, false] as const)]) {
    if (!dependency.startsWith(scope)) continue
    const to = roomNamed(dependency.slice(scope.length))
    const message = to === undefined ? `depends on ${dependency}, which is no room` : refusal(room, to, isShipped)
    if (message !== undefined) findings.push({ file, message: `${message}: it is declared as a dependency` })
  }
  return findings
}

function checkOutside(root: string, room: Room, source: Source, { specifier, isNeeded }: Import): string | undefined {
  const manifest = manifestOf(root, room)
  const { name, entry } = splitSpecifier(specifier)
  const isShipped = source.file.startsWith(`${folderOf(room)}/src/`)
  if (name === manifest.name) return isShipped ? `imports its own package by name (${specifier})` : undefined
  if (name.startsWith(scope)) {
    const to = roomNamed(name.slice(scope.length))
    if (to === undefined) return `imports ${name}, which is no room`
    const message = refusal(room, to, isShipped)
    if (message !== undefined) return message
    if (existsSync(join(root, folderOf(to))) && !isExported(manifestOf(root, to), entry))
      return `imports ${specifier}, which ${name} does not export`
  }
  const { dependencies, peerDependencies, peerDependenciesMeta = {}, optionalDependencies, devDependencies } = manifest
  if (isShipped && isNeeded && peerDependenciesMeta[name]?.optional === true && !(name in (dependencies ?? {})))
    return `cannot load without ${name}, an optional peer that nobody has to install`
  const declared = { ...dependencies, ...peerDependencies, ...optionalDependencies, ...(isShipped ? {} : devDependencies) }
  const isRootTool = !isShipped && ['vitest', 'tsup', 'esbuild'].includes(name)
  return name in declared || isRootTool ? undefined : `imports ${name}, which its package.json does not declare`
}

function checkFile(root: string, room: Room, source: Source): Finding[] {
  const folder = folderOf(room)
  const inSources = source.file.startsWith(`${folder}/src/`)
  return source.imports.flatMap((each): Finding[] => {
    const { specifier, line } = each
    const report = (message: string | undefined): Finding[] => (message === undefined ? [] : [{ file: source.file, line, message }])
    if (specifier.startsWith('#'))
      return report(specifier in (manifestOf(root, room).imports ?? {}) ? undefined : `imports ${specifier}, unknown to package.json`)
    if (isBuiltin(specifier)) {
      const isMisplaced = room.browser === true && inSources && !source.file.endsWith('.node.ts')
      return report(isMisplaced ? `${room.name} is browser-safe: ${specifier} belongs into a file named *.node.ts` : undefined)
    }
    if (!specifier.startsWith('.')) return report(checkOutside(root, room, source, each))
    const target = posix.join(posix.dirname(source.file), specifier)
    if (inSources && !target.startsWith(`${folder}/src/`)) return report(`imports ${specifier}, outside its own sources`)
    const isMadeByBuild = target.endsWith('.wasm')
    return report(isMadeByBuild || existsSync(join(root, target)) ? undefined : `imports ${specifier}, which does not exist`)
  })
}

export function checkRooms(root: string): Finding[] {
  const table = rooms.flatMap((from) =>
    (from.imports === '*' ? [] : from.imports).flatMap((name): Finding[] => {
      const to = roomNamed(name)
      return to !== undefined && to.floor < from.floor
        ? []
        : [{ file: 'tools/rooms.ts', message: `${from.name} imports ${name}, which is not below it` }]
    }),
  )
  const strangers = ['packages', 'apps']
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) =>
      readdirSync(join(root, folder))
        .filter(
          (name) => existsSync(join(root, folder, name, 'package.json')) && !rooms.some((room) => folderOf(room) === `${folder}/${name}`),
        )
        .map((name) => ({ file: `${folder}/${name}`, message: 'is no room: add it to tools/rooms.ts' })),
    )
  const inside = existing(root).flatMap((room) => {
    const files = filesOf(root, folderOf(room), (name) => isScript(name) && !name.includes('/bench/'))
    const sources = files.map((file) => parse(root, file))
    const shipped = files.filter((file) => file.startsWith(`${folderOf(room)}/src/`))
    const imports = sources.flatMap((source) => checkFile(root, room, source))
    return [...checkManifest(root, room), ...imports, ...checkCycles(root, room, shipped), ...checkBrowser(root, room)]
  })
  return [...table, ...strangers, ...inside]
}

await runTool(import.meta, async ({ root }) => checkRooms(root))
