const root = document.querySelector('video').dataset.root
await navigator.serviceWorker.register(`./sw.js?root=${root}`, { type: 'module' })
if (!navigator.serviceWorker.controller) await new Promise((resolve) => navigator.serviceWorker.addEventListener('controllerchange', resolve, { once: true }))
document.querySelector('video').src = '/film.webm' // from here on it seeks as in any file, and shows nothing that is not in `root`
