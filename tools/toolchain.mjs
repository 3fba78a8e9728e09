/**
 * Runs a command with the Node and the pnpm that this repository pins, whatever Node >= 18 started this file.
 *
 *   node tools/toolchain.mjs COMMAND [ARG ...]
 *
 * Both come from the npm registry as plain packages (`node-<platform>-<arch>` holds the binary and has no install script) and are put
 * into the ignored folder `.toolchain` of the clone: into a temporary folder first, then renamed, so that an interrupted set-up leaves
 * nothing half done. Nothing is installed where the pinned pnpm and a Node of the pinned major are on PATH already.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const top = dirname(dirname(fileURLToPath(import.meta.url)))
const manifest = JSON.parse(readFileSync(join(top, 'package.json'), 'utf8'))
const nodeVersion = manifest.selvedge.node
const pnpmVersion = manifest.packageManager.split('@')[1]
const home = join(top, '.toolchain')

/** npm hands its own configuration to scripts as npm_* variables; another npm or pnpm started below would take them for ours. */
function cleanEnvironment() {
  const kept = new Set(['npm_config_registry', 'npm_config_cache', 'npm_config_userconfig'])
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name) || kept.has(name.toLowerCase())))
  delete env.NODE_ENV
  env.TMPDIR = join(top, '.tmp') // nothing is written outside the clone but package caches, temporary files of tests included
  mkdirSync(env.TMPDIR, { recursive: true })
  env.NODE_COMPILE_CACHE ??= join(top, 'node_modules/.cache/compile') // tools and sources are compiled once for all the processes that load them
  return env
}

function versionOf(command, env) {
  const { status, stdout } = spawnSync(command, ['--version'], { env, encoding: 'utf8', cwd: top })
  return status === 0 ? stdout.trim().replace(/^v/, '') : ''
}

const majorOf = (version) => Number(version.split('.')[0] || 0)

function install(env) {
  const name = `node-${process.platform}-${process.arch}`
  const temporary = `${home}.${process.pid}.tmp`
  rmSync(temporary, { recursive: true, force: true })
  mkdirSync(join(temporary, 'bin'), { recursive: true })
  writeFileSync(join(temporary, 'package.json'), '{ "private": true }\n')
  const wanted = [`pnpm@${pnpmVersion}`]
  const ownNode = process.platform === 'linux'
  if (ownNode) wanted.push(`${name}@${nodeVersion}`)
  else if (majorOf(versionOf('node', env)) < majorOf(nodeVersion)) {
    throw new Error(
      `${name}@${nodeVersion} is not published for this platform: put Node ${majorOf(nodeVersion)} or newer on PATH and run this again`,
    )
  }
  process.stderr.write(`setting up: ${wanted.join(', ')}\n`)
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error', ...wanted]
  const { status } = spawnSync(process.platform === 'win32' ? 'npm.cmd' : 'npm', args, { cwd: temporary, env, stdio: ['ignore', 2, 2] })
  if (status !== 0) throw new Error(`npm could not install ${wanted.join(' and ')} (exit code ${status})`)
  if (ownNode) symlinkSync(`../node_modules/${name}/bin/node`, join(temporary, 'bin/node'))
  const pnpm = '#!/bin/sh\nexec node "$(dirname "$0")/../node_modules/pnpm/bin/pnpm.mjs" "$@"\n'
  writeFileSync(join(temporary, 'bin/pnpm'), pnpm, { mode: 0o755 })
  writeFileSync(join(temporary, 'stamp'), `${nodeVersion} ${pnpmVersion}\n`)
  rmSync(home, { recursive: true, force: true })
  try {
    renameSync(temporary, home)
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true })
    if (!isInstalled()) throw error // another process of this clone may have won the race
  }
}

function isInstalled() {
  return existsSync(join(home, 'stamp')) && readFileSync(join(home, 'stamp'), 'utf8') === `${nodeVersion} ${pnpmVersion}\n`
}

function main() {
  const [command, ...args] = process.argv.slice(2)
  if (command === undefined) throw new Error('usage: node tools/toolchain.mjs COMMAND [ARG ...]')
  const env = cleanEnvironment()
  // What was set up is used without asking what else there is: pnpm takes most of a second to tell its version.
  const present = !isInstalled() && majorOf(versionOf('node', env)) === majorOf(nodeVersion) && versionOf('pnpm', env) === pnpmVersion
  if (!present && !isInstalled()) install(env)
  const pathName = Object.keys(env).find((name) => name.toUpperCase() === 'PATH') ?? 'PATH'
  const separator = process.platform === 'win32' ? ';' : ':'
  const folders = [join(top, 'node_modules/.bin'), env[pathName]]
  if (!present) folders.unshift(join(home, 'bin'))
  env[pathName] = folders.join(separator)
  const child = spawn(command, args, { cwd: top, env, stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => {
    process.stderr.write(`${command}: ${error.message}\n`)
    process.exitCode = 127
  })
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (constants.signals[signal] ?? 0)
  })
}

try {
  main()
} catch (error) {
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
}
