/**
 * Runs one script of `test/environments/` in one runtime. The script's default export is an async function without arguments that throws
 * when something is wrong and returns a report that JSON can carry; it uses what every runtime has.
 */
import { readdirSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { runCommand } from '../run-command.ts'
import { bundle } from './bundle.ts'
import { openPage } from './page.ts'
import type { Runtime } from './runtimes.ts'

export interface ScriptOptions {
  readonly folder: string
  readonly packageName: string
  /** File name in `test/environments/`. */
  readonly script: string
  /** Of the page in Chromium: whether it refuses compiled WebAssembly. @default none */
  readonly contentSecurityPolicy?: string
  /** @default 120_000 */
  readonly timeoutMs?: number
}

const MARK = 'report of the environment: '

function reportIn(output: string, runtime: string): unknown {
  const line = output.split('\n').find((each) => each.startsWith(MARK))
  if (line === undefined) throw new Error(`${runtime} printed no report:\n${output.slice(0, 4000)}`)
  return JSON.parse(line.slice(MARK.length)) as unknown
}

async function runProcess(runtime: Runtime, args: readonly string[], cwd: string, timeoutMs: number): Promise<unknown> {
  const places = { DENO_DIR: join(cwd, 'deno'), BUN_RUNTIME_TRANSPILER_CACHE_PATH: join(cwd, 'bun') } // caches stay in the clone
  const env = { ...process.env, ...places, DENO_NO_UPDATE_CHECK: '1', NODE_OPTIONS: '' }
  const { code, output } = await runCommand(runtime.binary ?? '', args, { cwd, env, timeoutMs })
  if (code !== 0) throw new Error(`${runtime.name} ended with code ${code}:\n${output.slice(0, 4000)}`)
  return reportIn(output, runtime.name)
}

const entryOf = (script: string, use: string): string => `import run from './${script}'\n${use}\n`
const printed = `console.log(${JSON.stringify(MARK)} + JSON.stringify(await run()))`

async function runModule(runtime: Runtime, options: ScriptOptions, timeoutMs: number): Promise<unknown> {
  const name = basename(options.script, '.ts')
  const path = await bundle({ ...options, target: 'module', name, code: entryOf(options.script, printed) })
  const args = runtime.name === 'deno' ? ['run', '--no-remote', '--no-config', '--node-modules-dir=manual', '--allow-all', path] : [path]
  return runProcess(runtime, args, dirname(path), timeoutMs)
}

/** `workerd test` runs the exported `test()` and needs no port. */
async function runWorkerd(runtime: Runtime, options: ScriptOptions, timeoutMs: number): Promise<unknown> {
  const name = basename(options.script, '.ts')
  const path = await bundle({
    ...options,
    target: 'workerd',
    name,
    code: entryOf(options.script, `export default { async test() { ${printed} } }`),
  })
  const folder = dirname(path)
  const wasm = readdirSync(folder).filter((file) => file.endsWith('.wasm'))
  const modules = [
    `(name = "main", esModule = embed "${basename(path)}")`,
    ...wasm.map((file) => `(name = "./${file}", wasm = embed "${file}")`),
  ]
  const config = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [(name = "main", worker = .worker)]);
const worker :Workerd.Worker = (modules = [${modules.join(', ')}], compatibilityDate = "2026-01-01");
`
  const configPath = join(folder, `${name}.capnp`)
  writeFileSync(configPath, config)
  return runProcess(runtime, ['test', configPath], folder, timeoutMs)
}

async function runPage(options: ScriptOptions): Promise<unknown> {
  const name = basename(options.script, '.ts')
  const worker = `onmessage = async () => { try { postMessage({ report: await run() }) } catch (error) { postMessage({ error: String(error?.stack ?? error) }) } }`
  const inWorker = `
    const worker = new Worker('./worker.mjs', { type: 'module' })
    const answer = await new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data)
      worker.onerror = (event) => reject(new Error(event.message))
      worker.postMessage('run')
    })
    if (answer.error) throw new Error(answer.error)`
  const files = {
    'page.mjs': await bundle({
      ...options,
      target: 'browser',
      name,
      code: entryOf(
        options.script,
        `globalThis.runAll = async () => { const page = await run(); ${inWorker}; return { page, worker: answer.report } }`,
      ),
    }),
    'worker.mjs': await bundle({ ...options, target: 'browser', name: `${name}-worker`, code: entryOf(options.script, worker) }),
  }
  const { contentSecurityPolicy } = options
  const policy = contentSecurityPolicy === undefined ? {} : { contentSecurityPolicy }
  await using page = await openPage({ ...policy, files, html: '<script type="module" src="./page.mjs"></script>' })
  return await page.page.evaluate('runAll()')
}

/** @throws with what the runtime printed. In Chromium the script runs on a page and in a worker; the report holds both. */
export function runScript(runtime: Runtime, options: ScriptOptions): Promise<unknown> {
  const { timeoutMs = 120_000 } = options
  if (runtime.name === 'chromium') return runPage(options)
  if (runtime.name === 'workerd') return runWorkerd(runtime, options, timeoutMs)
  return runModule(runtime, options, timeoutMs)
}
