import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { release, releasesOf } from '../release.ts'
import { linesOf, manifest, plant, type Tree } from './planted.ts'

const changeset = (name: string, bump: string): string => `---\n'@selvedge/${name}': ${bump}\n---\n\nDid a thing.\n`
const tree: Tree = {
  '.changeset/README.md': '# Changesets\n',
  '.changeset/one.md': changeset('crypto', 'patch'),
  '.changeset/two.md': changeset('crypto', 'minor'),
  '.changeset/three.md': changeset('content', 'minor'),
  'packages/crypto/package.json': manifest('crypto'),
  'packages/content/package.json': manifest('content', { private: true }),
}

function repository(files: Tree): string {
  const root = plant(files)
  const git = (...args: string[]) => execFileSync('git', args, { cwd: root, stdio: 'ignore' })
  git('init')
  git('add', '.')
  git('-c', 'user.name=test', '-c', 'user.email=test@example.org', 'commit', '--message', 'first')
  return root
}

test('the largest bump wins and a private package is left out', () => {
  expect(releasesOf(plant(tree))).toEqual([{ name: '@selvedge/crypto', from: '0.1.0', bump: 'minor' }])
})

test('a dry run of a clean tree changes nothing and finds nothing', async () => {
  const root = repository(tree)
  expect(linesOf(root, await release(root, false))).toEqual([])
  expect(execFileSync('git', ['status', '--porcelain'], { cwd: root, encoding: 'utf8' })).toBe('')
})

test('uncommitted changes are refused, and so is a release of nothing', async () => {
  const root = repository(tree)
  execFileSync('touch', ['stray'], { cwd: root })
  expect(linesOf(root, await release(root, false))).toEqual(['.: commit or drop these first:\n?? stray'])
  const empty = plant({ 'packages/crypto/package.json': manifest('crypto') })
  expect(linesOf(empty, await release(empty, false))).toEqual([
    '.changeset: no changeset names a package that is published: there is nothing to release',
  ])
})
