/** What a room's `package.json` declares, as far as the tools read it. */
import { readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join } from 'node:path'
import { folderOf, type Room } from './rooms.ts'

export type Target = string | null | { readonly [condition: string]: Target }

type Versions = Readonly<Record<string, string>>

export interface Manifest {
  readonly name: string
  readonly version: string
  readonly private?: boolean
  readonly engines?: { readonly node?: string }
  /** File by command. */
  readonly bin?: { readonly [name: string]: string }
  readonly exports?: { readonly [entry: string]: Target }
  readonly imports?: { readonly [name: string]: Target }
  readonly dependencies?: Versions
  readonly devDependencies?: Versions
  readonly peerDependencies?: Versions
  readonly peerDependenciesMeta?: { readonly [name: string]: { readonly optional?: boolean } }
  readonly optionalDependencies?: Versions
}

export function manifestOf(root: string, room: Room): Manifest {
  return JSON.parse(readFileSync(join(root, folderOf(room), 'package.json'), 'utf8')) as Manifest
}

export const isBuiltin = (specifier: string): boolean => specifier.startsWith('node:') || builtinModules.includes(specifier)

/** Whether `entry` (`.` or `./x`) is one that others may import. */
export function isExported({ exports = {} }: Manifest, entry: string): boolean {
  return Object.keys(exports).some((key) => key === entry || (key.endsWith('/*') && entry.startsWith(key.slice(0, -1))))
}

/** The source file that a browser gets for an entry or a `#name`. */
export function browserSourceOf(target: Target | undefined): string | undefined {
  if (typeof target === 'string') return target
  for (const [condition, inner] of Object.entries(target ?? {})) {
    const file = ['browser', '@selvedge/source', 'import', 'default'].includes(condition) ? browserSourceOf(inner) : undefined
    if (file !== undefined) return file
  }
  return undefined
}
