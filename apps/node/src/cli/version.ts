/** Which software this is, as its package says. */
import { createRequire } from 'node:module'

/** By the package's own name: from the sources and from what is built of them it is the same file. */
export const VERSION: string = (createRequire(import.meta.url)('@selvedge/node/package.json') as { readonly version: string }).version
