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
    // Numbers that did not grow from one frame of the stream to the next.
    backward: [],
    // The page was loaded with this frame, and its stream began with an earlier one.
    overtaken: [],
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

  let isStreamed = false
  let shownText
  const look = () => {
    const { number: shown, digest: expected } = frame().dataset
    const number = Number(shown)
    const text = document.getElementById('body').textContent
    // Looked at after its event, and once more when the observer is told.
    if (number === seen.last && text === shownText) return
    shownText = text
    if (number < seen.last) {
      const list = seen.last === seen.first && !isStreamed ? seen.overtaken : seen.backward
      list.push(`${number} after ${seen.last}`)
    }
    isStreamed ||= seen.first >= 0 && number !== seen.last
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

  // After Datastar's own listener, which has applied the frame by then: so that each is compared, also
  // where many came at once.
  addEventListener('DOMContentLoaded', () =>
    document.addEventListener('datastar-fetch', ({ detail }) => {
      if (detail.type !== 'datastar-patch-elements') return
      if (!detail.argsRaw.elements.includes('id="frame"')) return
      seen.received++
      look()
    }),
  )

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
