// Watches over a page: its requests arrive once and in order, its person is told when the server is
// away, it goes to other addresses of its app without being loaded anew, and it reloads itself, keeping
// what was typed, once it is older than the server.
(() => {
  'use strict'
  const root = document.documentElement
  const { hsTab: tab, hsBuild: build } = root.dataset
  const fetchNow = window.fetch.bind(window)

  // ---- Waiting ------------------------------------------------------------------------------
  // All who lost their server try again, so they must neither do it at once nor tire it out when it is
  // back: each waits a random while, and longer the longer it has been away. The return of the
  // network, or of the stream, ends every wait.
  const PAUSE_MIN_MS = 500
  const PAUSE_MAX_MS = 5_000
  // What a proxy may ask for at most; some say an hour and mean a minute.
  const RETRY_AFTER_MAX_MS = 30_000
  let awaySince
  const wakers = new Set()
  const wait = (ms, signal) =>
    new Promise((done) => {
      const wake = () => {
        clearTimeout(timer)
        wakers.delete(wake)
        signal?.removeEventListener('abort', wake)
        done()
      }
      const timer = setTimeout(wake, ms)
      wakers.add(wake)
      signal?.addEventListener('abort', wake)
      if (signal?.aborted) wake()
    })
  const wakeAll = () => [...wakers].forEach((wake) => wake())
  // A tenth of the time that it took so far: what was short stays short.
  const growingPause = () => {
    const away = performance.now() - (awaySince ??= performance.now())
    return Math.min(PAUSE_MAX_MS, Math.max(PAUSE_MIN_MS, away / 10)) * (0.75 + Math.random() * 0.5)
  }
  // Never sooner than the server asked for.
  const retryAfter = (answer) => {
    if (![429, 503].includes(answer.status)) return 0
    const seconds = Number(answer.headers.get('retry-after')) || 0
    return Math.min(RETRY_AFTER_MAX_MS, Math.max(0, seconds) * 1000) * (1 + Math.random() / 2)
  }
  addEventListener('online', () => {
    // It may take a few tries until names resolve again, and those are to be quick.
    if (awaySince !== undefined) awaySince = performance.now()
    setTimeout(wakeAll, Math.random() * 200)
  })

  // ---- Requests -----------------------------------------------------------------------------
  // Every action has a number, and says up to which number the answers have arrived. A number that
  // is sent again after a failure is the same, so the server runs it once.
  let sequence = 0
  let settledUpTo = 0
  const settled = new Set()
  const settle = (number) => {
    settled.add(number)
    while (settled.delete(settledUpTo + 1)) settledUpTo++
  }

  const act = async (url, options) => {
    const number = ++sequence
    // The signal is left out: a command that was given is sent, whatever became of its element.
    const { signal, headers, ...rest } = options
    for (let pause = 250; ; pause = Math.min(pause * 2, 4000)) {
      let atLeast = 0
      try {
        const answer = await fetchNow(url, {
          ...rest,
          headers: { ...headers, 'hs-action': `${tab} ${number} ${settledUpTo}` },
        })
        if (![429, 502, 503, 504].includes(answer.status)) {
          settle(number)
          if (following) up()
          if (answer.status >= 400) say(await answer.clone().text())
          return answer
        }
        atLeast = retryAfter(answer)
      } catch {
        // The network is away; the banner says so.
        down()
      }
      await wait(Math.max(atLeast, pause / 2 + Math.random() * pause))
    }
  }

  let opened = false
  // Whether the stream is there, as far as anyone knows.
  let following = false
  // How long to wait before the next one: after one has ended, not if the page was hidden meanwhile.
  let pauseMs
  // Answers once a stream is there: Datastar's own timer would go on after the page was hidden and
  // shown, and open a second stream, for ever in turn with the first.
  document.body.hsWaits = true
  const stream = async (url, options) => {
    const { signal } = options
    signal?.addEventListener('abort', () => leave())
    const first = pauseMs
    pauseMs = undefined
    if (first !== undefined) await wait(first, signal)
    for (;;) {
      let atLeast = 0
      let reason
      const left = new AbortController()
      leave = () => left.abort()
      if (signal?.aborted) leave()
      try {
        const headers = { ...options.headers }
        if (opened) headers['hs-again'] = '1'
        const answer = await fetchNow(moved ? here : url, { ...options, headers, signal: left.signal })
        isMoving = false
        if (answer.ok) {
          opened = following = true
          awaySince = undefined
          up()
          wakeAll()
          const theirs = answer.headers.get('hs-build')
          if (theirs && theirs !== build) reload(theirs)
          return answer
        }
        atLeast = retryAfter(answer)
        const text = await answer.text()
        // No page of ours is there: whatever it is, the browser can show it.
        if (moved && answer.status < 500 && answer.status !== 429) location.reload()
        // There is no place for this page: its person can do something about that.
        if (answer.status === 429) reason = text
      } catch (error) {
        if (signal?.aborted) throw error
        if (left.signal.aborted) continue
      }
      isMoving = following = false
      down(reason)
      await wait(Math.max(atLeast, growingPause()), signal)
    }
  }

  // ---- Other addresses ----------------------------------------------------------------------
  // The stream is asked for at another address from now on: that is all there is to it.
  let here = location.pathname + location.search
  let moved = false
  // Between two streams, so that nothing is said to be away.
  let isMoving = false
  // Ends the stream that is there, or is asked for.
  let leave = () => {}
  const go = (address, remember) => {
    const url = new URL(address, location.href)
    const there = url.pathname + url.search
    if (url.origin !== location.origin || there === here) return
    if (remember) history[remember](null, '', url)
    here = there
    moved = isMoving = true
    if (following) pauseMs = 0
    leave()
    wakeAll()
  }
  addEventListener('popstate', () => go(location.href))
  document.addEventListener('click', (event) => {
    const link = event.target.closest?.('a[data-hs-go]')
    const { defaultPrevented, button, metaKey, ctrlKey, shiftKey, altKey } = event
    if (!link || defaultPrevented || button || metaKey || ctrlKey || shiftKey || altKey) return
    if (link.origin !== location.origin || link.target) return
    event.preventDefault()
    go(link.href, link.dataset.hsGo === 'replace' ? 'replaceState' : 'pushState')
  })

  window.fetch = (url, options) => {
    const headers = options?.headers
    const own = typeof url === 'string' && new URL(url, document.baseURI).origin === location.origin
    if (!own || !headers?.['Datastar-Request']) return fetchNow(url, options)
    if (headers['hs-stream']) return stream(url, options)
    if (options.method === 'GET') return fetchNow(url, options)
    return act(url, options)
  }

  // ---- The banner ----------------------------------------------------------------------------
  let banner
  let late
  let why
  const down = (reason = 'Reconnecting…') => {
    why = reason.slice(0, 300)
    if (banner && banner.textContent !== why) banner.textContent = why
    if (banner || late) return
    // A short interruption is nobody's business.
    late = setTimeout(() => {
      banner = document.createElement('div')
      banner.className = 'hs-banner'
      banner.setAttribute('role', 'status')
      banner.textContent = why
      document.body.append(banner)
    }, 800)
  }
  const up = () => {
    clearTimeout(late)
    late = undefined
    banner?.remove()
    banner = undefined
  }
  document.addEventListener('datastar-fetch', ({ detail }) => {
    // From the stream, or in the answer to an action.
    if (detail.type === 'datastar-hs-go') go(detail.argsRaw.url, 'replaceState')
    if (detail.el !== document.body) return
    // A server that restarts gives each of its pages a moment of its own to come back at.
    if (detail.type === 'datastar-hs-wait') pauseMs = Number(detail.argsRaw.ms)
    if (detail.type !== 'retrying') return
    pauseMs ??= 200 + Math.random() * 800
    awaySince ??= performance.now()
    following = false
    if (!isMoving) down()
  })

  let notice
  const say = (text) => {
    notice?.remove()
    notice = document.createElement('div')
    notice.className = 'hs-notice'
    notice.setAttribute('role', 'alert')
    notice.textContent = text.slice(0, 300) || 'That did not work.'
    document.body.append(notice)
    const mine = notice
    setTimeout(() => mine.remove(), 6000)
  }

  // ---- A newer server ------------------------------------------------------------------------
  const KEPT = 'hs-kept'
  const RELOADED = 'hs-reloaded'
  const fields = () =>
    [...document.querySelectorAll('input, textarea, select, [contenteditable][id]')].filter(
      (field) => !['password', 'file', 'hidden', 'submit', 'button'].includes(field.type),
    )
  // An id if it has one, else its place among those of its name.
  const nameOf = (field, all) => {
    if (field.id) return `#${field.id}`
    const same = all.filter((other) => !other.id && other.name === field.name && other.tagName === field.tagName)
    return `${field.tagName} ${field.name} ${same.indexOf(field)}`
  }
  const stored = (key) => {
    try {
      return JSON.parse(sessionStorage.getItem(key))
    } catch {
      return null
    }
  }
  const store = (key, value) => {
    try {
      sessionStorage.setItem(key, JSON.stringify(value))
    } catch {
      // Private windows may have no storage; then the page reloads without what it kept.
    }
  }

  const reload = (theirs) => {
    // Once for each build: a server that never serves what it announces must not make a loop.
    if (stored(RELOADED) === theirs) return
    const all = fields()
    const selection = (field) => {
      try {
        return [field.selectionStart, field.selectionEnd]
      } catch {
        return null
      }
    }
    store(KEPT, {
      path: location.pathname,
      scroll: [scrollX, scrollY],
      focus: all.includes(document.activeElement) ? nameOf(document.activeElement, all) : null,
      fields: all.map((field) => ({
        name: nameOf(field, all),
        value: field.isContentEditable ? field.innerHTML : field.value,
        checked: field.checked,
        selection: selection(field),
      })),
    })
    store(RELOADED, theirs)
    location.reload()
  }

  const restore = () => {
    const kept = stored(KEPT)
    sessionStorage.removeItem(KEPT)
    if (!kept || kept.path !== location.pathname) return
    const all = fields()
    const byName = new Map(all.map((field) => [nameOf(field, all), field]))
    for (const { name, value, checked, selection } of kept.fields) {
      const field = byName.get(name)
      if (!field) continue
      if (field.isContentEditable) field.innerHTML = value
      else if (field.type === 'checkbox' || field.type === 'radio') field.checked = checked
      else field.value = value
      // Bound signals follow; handlers of the app's own are not run.
      field.dispatchEvent(new Event('datastar-prop-change'))
      if (name === kept.focus) {
        field.focus({ preventScroll: true })
        try {
          if (selection?.[0] != null) field.setSelectionRange(...selection)
        } catch {
          // Not every kind of field has a caret.
        }
      }
    }
    scrollTo(...kept.scroll)
  }
  document.addEventListener('datastar-ready', () => setTimeout(restore), { once: true })
})()
