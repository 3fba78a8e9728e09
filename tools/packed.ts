/**
 * Every package as its users get it: built, packed once, and installed from the tarball into a project of its own.
 *
 * The projects share one install but not their folders: links are not hoisted, so each sees its package, what that declares, and nothing
 * else of ours. Tarballs of ours stand in for the versions that a registry would serve.
 */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Manifest, manifestOf } from './manifests.ts'
import { existing, folderOf, type Room } from './rooms.ts'
import { inParallel, runCommand } from './run-command.ts'
import { top } from './tool.ts'

export interface Packed {
  readonly room: Room
  readonly manifest: Manifest
  readonly tarball: string
  /** A project with this package as its only dependency. */
  readonly project: string
}

async function run(command: string, args: readonly string[], cwd: string): Promise<void> {
  const env = { ...process.env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' }
  const { code, output } = await runCommand(command, args, { cwd, env, timeoutMs: 300_000 })
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with code ${code}\n${output}`)
}

async function pack(root: string, room: Room, destination: string): Promise<string> {
  const into = join(destination, room.name)
  mkdirSync(into, { recursive: true })
  await run('pnpm', ['pack', '--pack-destination', into], join(root, folderOf(room)))
  const [name] = readdirSync(into)
  if (name === undefined) throw new Error(`${room.name}: pnpm pack made no tarball`)
  return join(into, name)
}

/** Packs what `root` holds (built before, unless `isBuilt`) and installs each tarball under `.tmp/packed`, which is made anew. */
export async function preparePackages(
  root: string,
  { isBuilt = false, rooms = existing(root) }: { isBuilt?: boolean; rooms?: readonly Room[] } = {},
): Promise<readonly Packed[]> {
  const base = join(root, '.tmp/packed')
  rmSync(base, { recursive: true, force: true })
  if (!isBuilt) await run('turbo', ['run', 'build', '--force', '--output-logs=errors-only'], top)
  const packed = await inParallel(rooms, async (room): Promise<Packed> => {
    const tarball = await pack(root, room, join(base, 'tarballs'))
    return { room, manifest: manifestOf(root, room), tarball, project: join(base, 'projects', room.name) }
  })
  const ours = packed.map(({ manifest, tarball }) => `  '${manifest.name}': 'file:${tarball}'`)
  const settings = [
    'packages:',
    '  - projects/*',
    'hoist: false',
    'autoInstallPeers: false',
    'updateNotifier: false',
    'overrides:',
    ...ours,
    '',
  ]
  mkdirSync(join(base, 'projects'), { recursive: true })
  writeFileSync(join(base, 'pnpm-workspace.yaml'), settings.join('\n'))
  writeFileSync(join(base, 'package.json'), '{ "private": true }\n')
  for (const { manifest, tarball, project } of packed) {
    mkdirSync(project, { recursive: true })
    const own = { private: true, type: 'module', dependencies: { [manifest.name]: `file:${tarball}` } }
    writeFileSync(join(project, 'package.json'), `${JSON.stringify(own)}\n`)
  }
  await run('pnpm', ['install', '--prefer-offline', '--ignore-scripts', '--no-frozen-lockfile', '--reporter=silent'], base)
  for (const { project, room } of packed)
    if (!existsSync(join(project, 'node_modules'))) throw new Error(`${room.name}: its tarball was not installed`)
  return packed
}
