/** The commands: each reads one input, writes one output, and throws what went wrong. */
import { ChunkRanges } from './chunk-ranges.ts'
import {
  createProgress,
  exists,
  type Input,
  isDirectory,
  type Progress,
  STDIO,
  UsageError,
  withInput,
  withOutput,
  type Write,
} from './cli-io.node.ts'
import { collectionFromDirectory } from './collection-from-directory.node.ts'
import { CHUNK_GROUP_LOG_MAX } from './constants.ts'
import { createOutboard } from './create-outboard.ts'
import { decode } from './decode.ts'
import { encodeRanges } from './encode.ts'
import { VerifyError } from './errors.ts'
import { formatRoot } from './root-text.ts'
import { verifyRanges } from './verify-ranges.ts'

export interface CommandOptions {
  readonly output: string | undefined
  readonly outboard: string | undefined
  readonly root: Uint8Array | undefined
  readonly chunkGroupLog: number
  readonly start: number | undefined
  readonly length: number | undefined
  readonly isQuiet: boolean
}

export type Command = (path: string, options: CommandOptions) => Promise<void>

const print = (line: string): void => void process.stdout.write(`${line}\n`)
const say = (line: string): void => void process.stderr.write(`${line}\n`)

async function counted<T>(label: string, total: number | undefined, isQuiet: boolean, use: (progress: Progress) => Promise<T>): Promise<T> {
  const progress = createProgress(label, total, isQuiet)
  try {
    return await use(progress)
  } finally {
    progress.end()
  }
}

/** A large file is shared out to workers, a pipe comes as it comes. The outboard of 1 MiB groups beside it is next to nothing. */
function hashOf({ file, stream, size }: Input, isQuiet: boolean): Promise<Uint8Array> {
  return counted('hash', size, isQuiet, async (progress) => {
    const { root } = await createOutboard(file ?? stream, {
      chunkGroupLog: CHUNK_GROUP_LOG_MAX,
      onProgress: ({ bytes }) => progress.at(bytes),
    })
    return root
  })
}

const hash: Command = async (path, { isQuiet }) => {
  if (await isDirectory(path)) {
    const { collection } = await collectionFromDirectory(path)
    return print(`${formatRoot(collection.root)}  ${path}`)
  }
  const root = await withInput(path, (input) => hashOf(input, isQuiet))
  print(`${formatRoot(root)}  ${path}`)
}

const outboardPathOf = (path: string, { chunkGroupLog }: CommandOptions): string =>
  `${path}.obao${chunkGroupLog === 0 ? '' : chunkGroupLog}`

const outboard: Command = async (path, options) => {
  const output = options.output ?? (path === STDIO ? undefined : outboardPathOf(path, options))
  const root = await withInput(path, ({ file, stream, size }) =>
    counted('outboard', size, options.isQuiet, async (progress) => {
      const made = await createOutboard(file ?? stream, {
        chunkGroupLog: options.chunkGroupLog,
        onProgress: ({ bytes }) => progress.at(bytes),
      })
      await withOutput(output, (write) => write(made.outboard))
      return made.root
    }),
  )
  const line = `${formatRoot(root)}  ${path}`
  if (output === undefined || output === STDIO) say(line)
  else print(line)
}

/** Content with its outboard: the one named, the one lying beside it, or one made now. */
async function withBlob(
  path: string,
  options: CommandOptions,
  use: (blob: { data: Input['file'] & object; outboard: Uint8Array; size: number }) => Promise<void>,
): Promise<void> {
  await withInput(path, async ({ file, size, name }) => {
    if (file === undefined || size === undefined) throw new UsageError('content is read twice here: name a file, not a pipe')
    const beside = options.outboard ?? ((await exists(outboardPathOf(name, options))) ? outboardPathOf(name, options) : undefined)
    if (beside === undefined) {
      const made = await counted('outboard', size, options.isQuiet, (progress) =>
        createOutboard(file, { chunkGroupLog: options.chunkGroupLog, onProgress: ({ bytes }) => progress.at(bytes) }),
      )
      return use({ data: file, outboard: made.outboard, size })
    }
    const outboardBytes = await withInput(beside, async (input) => {
      const pieces: Uint8Array[] = []
      for await (const piece of input.stream) pieces.push(piece)
      return Buffer.concat(pieces)
    })
    return use({ data: file, outboard: outboardBytes, size })
  })
}

function rangesOf({ start, length }: CommandOptions): ChunkRanges {
  if (start === undefined && length === undefined) return ChunkRanges.all
  return length === undefined ? ChunkRanges.fromByteRanges([{ start: start ?? 0 }]) : ChunkRanges.fromSlice(start ?? 0, length)
}

const writeRanges =
  (label: string, rangesFor: (options: CommandOptions) => ChunkRanges): Command =>
  (path, options) =>
    withBlob(path, options, (blob) =>
      withOutput(options.output, (write) =>
        counted(label, blob.size, options.isQuiet, async (progress) => {
          let bytes = 0
          for await (const piece of encodeRanges(blob, rangesFor(options), { chunkGroupLog: options.chunkGroupLog })) {
            await write(piece)
            progress.at((bytes += piece.length))
          }
        }),
      ),
    )

const encode = writeRanges('encode', () => ChunkRanges.all)

const slice: Command = (path, options) => {
  if (options.start === undefined && options.length === undefined) throw new UsageError('slice needs --start or --length')
  return writeRanges('slice', rangesOf)(path, options)
}

function rootIn({ root }: CommandOptions, command: string): Uint8Array {
  if (root === undefined) throw new UsageError(`${command} needs --root`)
  return root
}

async function writeVerified({ stream, size }: Input, options: CommandOptions, root: Uint8Array, write: Write): Promise<void> {
  const first = options.start ?? 0
  const end = options.length === undefined ? Number.POSITIVE_INFINITY : first + options.length
  await counted('decode', size, options.isQuiet, async (progress) => {
    let done = 0
    for await (const { offset, bytes } of decode(stream, root, { ranges: rangesOf(options), chunkGroupLog: options.chunkGroupLog })) {
      const wanted = bytes.subarray(Math.min(bytes.length, Math.max(0, first - offset)), Math.max(0, Math.min(bytes.length, end - offset)))
      if (wanted.length > 0) await write(wanted)
      progress.at((done += bytes.length))
    }
  })
}

const decodeCommand: Command = (path, options) => {
  const root = rootIn(options, 'decode')
  return withInput(path, (input) => withOutput(options.output, (write) => writeVerified(input, options, root, write)))
}

const verify: Command = async (path, options) => {
  const root = rootIn(options, 'verify')
  const isPart = options.start !== undefined || options.length !== undefined
  if (options.outboard !== undefined || isPart) {
    await withBlob(path, options, ({ data, outboard: proof, size }) =>
      counted('verify', size, options.isQuiet, (progress) =>
        verifyRanges(data, proof, root, rangesOf(options), { size, onProgress: ({ bytes }) => progress.at(bytes) }),
      ),
    )
    return print(`${path}: ok`)
  }
  const actual = await withInput(path, (input) => hashOf(input, options.isQuiet))
  if (formatRoot(actual) !== formatRoot(root)) {
    throw new VerifyError('VERIFY_MISMATCH', `${path} has the root ${formatRoot(actual)}, expected ${formatRoot(root)}`)
  }
  print(`${path}: ok`)
}

export const commands: ReadonlyMap<string, Command> = new Map<string, Command>([
  ['hash', hash],
  ['outboard', outboard],
  ['encode', encode],
  ['decode', decodeCommand],
  ['slice', slice],
  ['verify', verify],
])
