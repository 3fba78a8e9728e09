/**
 * Every package as its users get it: built, packed once, and installed from the tarball into a project of its own.
 *
 * The projects share one install but not their folders: links are not hoisted, so each sees its package, what that declares, and nothing
 * else. Tarballs of ours stand in for the versions that a registry would serve.
 */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Manifest } from './manifests.ts'
import { existing, folderOf, type Room } from './rooms.ts'
import { inParallel, runCommand } from './run-command.ts'
import { top } from './tool.ts'

export interface Packed {
  readonly room: Room
  readonly manifest: Manifest
  readonly tarball: string
  /** A project that depends on this package and on what it declares: its README may use both. */
  readonly project: string
}

async function run(command: string, args: readonly string[], cwd: string): Promise<string> {
  const env = { ...process.env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' }
  const { code, output } = await runCommand(command, args, { cwd, env, timeoutMs: 300_000 })
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with code ${code}\n${output}`)
  return output
}

async function pack(root: string, room: Room, destination: string): Promise<string> {
  const into = join(destination, room.name)
  mkdirSync(into, { recursive: true })
  await run('pnpm', ['pack', '--pack-destination', into], join(root, folderOf(room)))
  const [name] = readdirSync(into)
  if (name === undefined) throw new Error(`${room.name}: pnpm pack made no tarball`)
  return join(into, name)
}

/** The manifest as it was packed: every `catalog:` and `workspace:` a version. */
async function packedManifestOf(tarball: string): Promise<Manifest> {
  return JSON.parse(await run('tar', ['-xzOf', tarball, 'package/package.json'], dirname(tarball))) as Manifest
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
    return { room, manifest: await packedManifestOf(tarball), tarball, project: join(base, 'projects', room.name) }
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
    const own = { private: true, type: 'module', dependencies: { ...manifest.dependencies, [manifest.name]: `file:${tarball}` } }
    writeFileSync(join(project, 'package.json'), `${JSON.stringify(own)}\n`)
  }
  await run('pnpm', ['install', '--prefer-offline', '--ignore-scripts', '--no-frozen-lockfile', '--reporter=silent'], base)
  for (const { project, room } of packed)
    if (!existsSync(join(project, 'node_modules'))) throw new Error(`${room.name}: its tarball was not installed`)
  return packed
}
