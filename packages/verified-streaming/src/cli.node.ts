#!/usr/bin/env node
/** The command line: arguments in, exit code out. What it does is in cli-commands.node.ts. */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { commands } from './cli-commands.node.ts'
import { UsageError } from './cli-io.node.ts'
import { VerifyError, type VerifyErrorCode } from './errors.ts'
import { parseRoot } from './root-text.ts'

const HELP = `BLAKE3 verified streaming: hash, prove, cut and check files.

  verified-streaming hash FILE ...             root of each file; of a directory, the root of its collection
  verified-streaming outboard FILE             writes FILE.obao4, what a host serves beside FILE; prints the root
  verified-streaming encode FILE -o OUT        content and proof in one stream
  verified-streaming decode FILE --root ROOT   verified content of an encoding, to standard output or -o OUT
  verified-streaming slice FILE --start N      proof and content of one range
  verified-streaming verify FILE --root ROOT   whether a file, or with --start a range of it, is the one named

FILE may be - for standard input, except where content is read twice (encode, slice, verify of a range).

  -o, --output OUT           - is standard output
      --root ROOT            64 hexadecimal digits or 52 of base32
      --outboard PATH        the outboard of FILE, else FILE.obao4 where it exists, else made
      --start N, --length N  a range in bytes, of slice, decode and verify
      --chunk-group-log N    groups of 2^N KiB, 0 to 10 (default 4, as iroh; 0 is Bao)
  -q, --quiet                no progress bar
  -h, --help    --version

Exit code: 0 done and true, 1 not what the root names, 2 wrong use, 3 a file or pipe failed.
`

const OK = 0
const REFUSED = 1
const WRONG_USE = 2
const FAILED = 3

const wrongUse: readonly VerifyErrorCode[] = ['VERIFY_BAD_ARGUMENT', 'VERIFY_BAD_RANGE']

function codeOf(error: unknown): number {
  if (error instanceof UsageError) return WRONG_USE
  if (error instanceof VerifyError)
    return wrongUse.includes(error.code) ? WRONG_USE : error.code === 'VERIFY_READ_FAILED' ? FAILED : REFUSED
  const code = (error as NodeJS.ErrnoException | undefined)?.code ?? ''
  if (code.startsWith('ERR_PARSE_ARGS')) return WRONG_USE
  if (/^E[A-Z]+$/.test(code)) return FAILED
  throw error // a bug: with its stack
}

function wholeNumber(text: string | undefined, name: string, max: number): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (!/^\d+$/.test(text) || value > max) throw new UsageError(`--${name} must be a whole number of 0 to ${max}, got "${text}"`)
  return value
}

const string = { type: 'string' } as const
const boolean = { type: 'boolean' } as const

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      output: { ...string, short: 'o' },
      root: string,
      outboard: string,
      start: string,
      length: string,
      'chunk-group-log': string,
      quiet: { ...boolean, short: 'q' },
      help: { ...boolean, short: 'h' },
      version: boolean,
    },
  })
  if (values.help) return void process.stdout.write(HELP)
  if (values.version) {
    const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
    return void process.stdout.write(`${version}\n`)
  }
  const [name, ...paths] = positionals
  const command = commands.get(name ?? '')
  if (command === undefined) throw new UsageError(name === undefined ? 'which command? See --help' : `no command "${name}". See --help`)
  if (paths.length === 0) throw new UsageError(`${name} needs a FILE, or - for standard input`)
  if (paths.length > 1 && name !== 'hash') throw new UsageError(`${name} takes one FILE, got ${paths.length}`)
  const options = {
    output: values.output,
    outboard: values.outboard,
    root: values.root === undefined ? undefined : parseRoot(values.root),
    chunkGroupLog: wholeNumber(values['chunk-group-log'], 'chunk-group-log', 10) ?? 4,
    start: wholeNumber(values.start, 'start', Number.MAX_SAFE_INTEGER),
    length: wholeNumber(values.length, 'length', Number.MAX_SAFE_INTEGER),
    isQuiet: values.quiet ?? false,
  }
  for (const path of paths) await command(path, options)
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') process.stderr.write(`verified-streaming: ${error.message}\n`)
  process.exit(FAILED) // whoever reads has gone
})

try {
  await main()
  process.exitCode = OK
} catch (error) {
  process.exitCode = codeOf(error)
  const { message, code } = error as VerifyError
  const named = error instanceof VerifyError && !message.startsWith(code) ? `${code}: ${message}` : message
  process.stderr.write(`verified-streaming: ${named.split('\n')[0]}\n`)
}
