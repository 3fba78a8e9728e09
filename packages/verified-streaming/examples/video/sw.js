import { parseRoot } from '@selvedge/verified-streaming'
import { createVerifiedFetchHandler } from '@selvedge/verified-streaming/service-worker'

const root = parseRoot(new URL(self.location.href).searchParams.get('root'))
self.addEventListener('install', () => self.skipWaiting())
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()))
self.addEventListener('fetch', createVerifiedFetchHandler({ rootOf: ({ pathname }) => (pathname === '/film.webm' ? root : undefined) }))
