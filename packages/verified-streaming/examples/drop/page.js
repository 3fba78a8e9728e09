import { formatRoot } from '@selvedge/verified-streaming'
import { createOutboardInWorker } from '@selvedge/verified-streaming/outboard-in-worker'

const bar = document.querySelector('progress')
document.addEventListener('dragover', (event) => event.preventDefault()) // without it the browser opens the file instead
document.addEventListener('drop', async (event) => {
  event.preventDefault()
  const [file] = event.dataTransfer.files
  const { root, outboard } = await createOutboardInWorker(file, { onProgress: ({ bytes, total }) => (bar.value = bytes / total) })
  document.querySelector('output').value = `${formatRoot(root)} ${file.name}, proven by ${outboard.length} bytes`
})
