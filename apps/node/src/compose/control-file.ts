/** The file in a data folder that says how the node that runs on it is reached; `control.ts` writes it. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface ControlFile {
  /** On loopback. */
  readonly port: number
  readonly token: string
  /** The node's address line. */
  readonly address: string
}

export const controlPathOf = (dataDir: string): string => join(dataDir, 'control.json')

/** The address of the node that last ran on this folder; undefined where none did. It may have died without a word. */
export async function readNodeAddress(dataDir: string): Promise<string | undefined> {
  return (await readControl(dataDir))?.address
}

export async function readControl(dataDir: string): Promise<ControlFile | undefined> {
  try {
    const control = JSON.parse(await readFile(controlPathOf(dataDir), 'utf8')) as Partial<ControlFile> | null
    return isWhole(control) ? control : undefined
  } catch {
    return undefined // no node, or one that is just going: for a caller both mean that there is nobody to ask
  }
}

const isWhole = (control: Partial<ControlFile> | null): control is ControlFile =>
  typeof control?.port === 'number' && typeof control.token === 'string' && typeof control.address === 'string'
