// Checks every frame that the page shows against the checksum in it, and counts.
(() => {
  'use strict'
  const seen = (window.seen = {
    tab: document.documentElement.dataset.hsTab,
    browser: navigator.userAgent,
    // Of the page itself: `http/1.1`, `h2`.
    protocol: performance.getEntriesByType('navigation')[0].nextHopProtocol,
    // Frames that were compared, and how that came out.
    ok: 0,
    wrong: [],
    // Numbers that did not grow.
    backward: [],
    first: -1,
    last: -1,
    // Frames that came in the stream, whether they were shown or overtaken at once.
    received: 0,
    pending: 0,
    whispers: [],
    // Of every stream that was opened: its content encoding.
    streams: [],
    errors: [],
    isDone: false,
  })
  addEventListener('error', (event) => seen.errors.push(String(event.message)))
  addEventListener('unhandledrejection', (event) => seen.errors.push(String(event.reason)))

  const digest = async (text) => {
    const bytes = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
    return [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  }

  const compare = async (number, text, expected, count) => {
    seen.pending++
    const got = await digest(text)
    seen.pending--
    if (got === expected) count()
    else seen.wrong.push(`${number}: ${expected} is ${got}, of ${text.length} characters`)
    if (seen.last === Number(frame().dataset.last) && seen.pending === 0) done()
  }

  const frame = () => document.getElementById('frame')

  const look = () => {
    const { number: shown, digest: expected } = frame().dataset
    const number = Number(shown)
    const text = document.getElementById('body').textContent
    if (number < seen.last) seen.backward.push(`${number} after ${seen.last}`)
    const isNew = number !== seen.last
    if (seen.first < 0) seen.first = number
    seen.last = number
    compare(number, text, expected, () => (seen.ok += isNew))
  }

  // A browser that nobody drives: it starts the frames itself, reports, and goes on to the next server.
  const asked = new URLSearchParams(location.search)
  const start = () => asked.has('start') && fetch('/start', { method: 'POST' })
  const report = async () => {
    const headers = { 'content-type': 'application/json' }
    await fetch('/report', { method: 'POST', headers, body: JSON.stringify(seen) })
    if (asked.has('next')) location.href = asked.get('next')
  }

  const done = () => {
    if (seen.isDone) return
    seen.isDone = true
    // What was told privately may still be on its way.
    if (asked.has('start')) setTimeout(report, 500)
  }

  const fetchNext = window.fetch
  window.fetch = async (url, options) => {
    const answer = await fetchNext(url, options)
    if (options?.headers?.['hs-stream']) {
      seen.streams.push(answer.headers.get('content-encoding') ?? 'identity')
      if (seen.streams.length === 1) start()
    }
    return answer
  }

  document.addEventListener('datastar-fetch', ({ detail }) => {
    if (detail.type === 'datastar-patch-elements' && detail.argsRaw.elements.includes('id="frame"'))
      seen.received++
  })

  document.addEventListener('datastar-signal-patch', ({ detail }) => {
    if (typeof detail._whisper !== 'string') return
    const [, number, expected, text] = /^(\d+):([0-9a-f]+):([^]*)$/.exec(detail._whisper)
    compare(`whisper ${number}`, text, expected, () => seen.whispers.push(Number(number)))
  })

  if (!frame()) return
  new MutationObserver(look).observe(document.body, {
    subtree: true,
    childList: true,
    characterData: true,
    attributes: true,
  })
  look()
})()
