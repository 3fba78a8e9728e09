/**
 * A real headless Chromium: the system's where there is one, else the one in `@sparticuz/chromium`, unpacked once (210 MB) into an ignored
 * folder of this clone. Its recommended flags switch web security off, so none of them is used.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Browser, chromium } from 'playwright-core'

const here = dirname(fileURLToPath(import.meta.url))
const systemBinaries = ['/usr/bin/chromium', '/usr/bin/chromium-browser']

/** Where the packed browser lies, or undefined where its package is not installed or is for another platform. */
function packedFolder(): string | undefined {
  const folder = join(here, 'node_modules/@sparticuz/chromium')
  return existsSync(join(folder, 'bin/chromium.br')) && process.platform === 'linux' && process.arch === 'x64' ? folder : undefined
}

function unpackedFolder(packed: string): string {
  const { version } = JSON.parse(readFileSync(join(packed, 'package.json'), 'utf8')) as { version: string }
  return join(here, '.tmp', `chromium-${version}`)
}

/** The browser's program; it may still be packed. Undefined where there is none. */
export function chromiumPath(): string | undefined {
  const packed = packedFolder()
  return systemBinaries.find((path) => existsSync(path)) ?? (packed === undefined ? undefined : join(unpackedFolder(packed), 'chromium'))
}

/** Into a folder of its own, then renamed: what an interrupted run left is never taken for a browser. */
function unpack(packed: string): string {
  const folder = unpackedFolder(packed)
  if (existsSync(folder)) return folder
  const temporary = `${folder}.${process.pid}.tmp`
  mkdirSync(temporary, { recursive: true })
  // The package unpacks into the system's temporary folder, which it reads once: so in a process of its own.
  const { status, stderr } = spawnSync(process.execPath, [join(here, 'unpack-chromium.ts')], {
    env: { ...process.env, TMPDIR: temporary },
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`Chromium could not be unpacked: ${stderr}`)
  try {
    renameSync(temporary, folder)
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true })
    if (!existsSync(folder)) throw error // else another process was first
  }
  return folder
}

/**
 * Starts it with its profile and its temporary files in an ignored folder of this clone.
 *
 * @throws where there is no browser, or it does not start.
 */
export async function launchChromium(): Promise<Browser> {
  const path = chromiumPath()
  const packed = packedFolder()
  if (path === undefined) throw new Error('Chromium is not installed: run pnpm install --frozen-lockfile')
  const temporary = join(here, '.tmp')
  mkdirSync(temporary, { recursive: true })
  const isSystem = systemBinaries.includes(path) || packed === undefined
  const folder = isSystem ? temporary : unpack(packed)
  const libraries = isSystem ? {} : { LD_LIBRARY_PATH: join(folder, 'al2023/lib'), FONTCONFIG_PATH: join(folder, 'fonts') }
  const env = { ...process.env, HOME: folder, TMPDIR: temporary, ...libraries } as Record<string, string>
  const before = process.env.TMPDIR
  process.env.TMPDIR = temporary // the profile's place is asked of this process
  try {
    return await chromium.launch({ args: ['--no-sandbox'], executablePath: path, env })
  } finally {
    if (before === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = before
  }
}
