import { ClientError } from './errors.ts'

const NAME_BYTES_MAX = 255

/** Whether a directory's entry may become a file of that name: nothing that could leave a folder, or mean something else to a file system. */
export function isFileName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !/[/\\\0]/.test(name) && lengthOf(name) <= NAME_BYTES_MAX
}

/**
 * A directory's names come from a stranger.
 * @throws {ClientError} `CLIENT_BAD_NAME`
 */
export function checkName(name: string): void {
  if (!isFileName(name))
    throw new ClientError('CLIENT_BAD_NAME', `the directory holds a name that is no file name: ${JSON.stringify(name.slice(0, 80))}`)
}

/** In UTF-8. Most names are so short that nothing need be counted. */
function lengthOf(name: string): number {
  return name.length * 3 <= NAME_BYTES_MAX ? name.length : new TextEncoder().encode(name).length
}
