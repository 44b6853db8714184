// Keeps a page with `data-live-url` up to date: one event stream while the page is seen, polling where streams fail or would be too many.
// Events: `snapshot` and `fragment` ({"target", "html"} or {"fragments": [...]}); `heartbeat` ({"slow": true} while the server finds
// changes only by looking every few seconds); `stale` (it cannot look); `full` (too many streams); `gone` (the session ended).
(() => {
  "use strict";

  const page = document.querySelector("[data-live-url]");
  if (!page) return;

  const STALE = 35_000; // Two heartbeats and a little.
  const FIRST_WORD = 10_000; // A stream begins with a snapshot; without one, something between us holds it back.
  const ASLEEP = 20_000;
  const POLL = 5_000;
  const STREAM_SOON = 10_000;
  const STREAM_AGAIN = 60_000;
  const FAILURES_BEFORE_POLLING = 3;
  // A browser opens six connections to one host over HTTP/1.1; the rest is for pages. Further tabs ask instead.
  const STREAMS_OF_A_BROWSER = 4;

  let source = null;
  let failures = 0;
  let heardAt = Date.now();
  let triedAt = Date.now();
  let streamTimer = 0;
  let pollTimer = 0;
  let isSlow = false;
  let leavePlace = null;
  let turn = 0;

  const show = (state) => {
    if (page.dataset.liveState === state) return;
    page.dataset.liveState = state;
    document.dispatchEvent(new Event("live:state"));
  };

  const heard = (state) => {
    heardAt = Date.now();
    show(state);
  };

  // A fragment is the whole element of that id. What the viewer opened or typed is theirs and stays; so does what charts.js drew.
  const morph = ({ target, html }) => {
    const element = document.getElementById(target);
    if (!element) return;
    Idiomorph.morph(element, html, {
      morphStyle: "outerHTML",
      ignoreActiveValue: true,
      callbacks: {
        beforeAttributeUpdated: (name, node) => !(name === "open" && node.tagName === "DETAILS") && name !== "data-live-state",
        beforeNodeMorphed: (held, fresh) => {
          if (held.dataset?.chart === undefined || fresh.dataset?.chart === undefined) return true;
          held.dataset.chart = fresh.dataset.chart;
          return false;
        },
      },
    });
    const changed = document.getElementById(target);
    if (changed) globalThis.htmx?.process(changed);
  };

  const apply = (message) => {
    (message.fragments ?? [message]).forEach(morph);
    document.dispatchEvent(new Event("live:changed"));
  };

  const close = () => {
    turn += 1;
    source?.close();
    source = null;
    leavePlace?.();
    leavePlace = null;
    clearTimeout(streamTimer);
  };

  // How to leave the place that this tab may hold a stream in, or null where all are taken. Whatever closes the tab leaves it too.
  const takePlace = async () => {
    if (!navigator.locks) return () => {}; // Then the server counts.
    for (let place = 1; place <= STREAMS_OF_A_BROWSER; place += 1) {
      const leaveIt = await new Promise((taken) => {
        navigator.locks.request(`callboard-stream-${place}`, { ifAvailable: true }, (lock) => {
          if (!lock) return taken(null);
          return new Promise((release) => { taken(release); });
        }).catch(() => taken(() => {})); // A browser that forbids them: then the server counts.
      });
      if (leaveIt) return leaveIt;
    }
    return null;
  };

  const leave = () => {
    close();
    clearTimeout(pollTimer);
    pollTimer = 0;
  };

  // Reloading leads to the sign-in. Should it lead back here, a page that is young waits, so that nothing turns in circles.
  const gone = () => {
    leave();
    setTimeout(() => location.reload(), performance.now() < 10_000 ? 10_000 : 0);
  };

  const isUnseen = () => document.visibilityState === "hidden" && !globalThis.callboard?.staysOn();

  const connect = async () => {
    close();
    if (isUnseen()) return;
    triedAt = Date.now();
    if (!globalThis.EventSource) {
      startPolling();
      return;
    }
    const mine = turn;
    const leaveIt = await takePlace();
    if (mine !== turn) { // The page was hidden, or woke, meanwhile.
      leaveIt?.();
      return;
    }
    if (!leaveIt) {
      askInstead();
      return;
    }
    leavePlace = leaveIt;
    source = new EventSource(page.dataset.liveUrl);
    const on = (name, act) => source.addEventListener(name, (event) => {
      failures = 0;
      clearTimeout(pollTimer);
      pollTimer = 0;
      act(JSON.parse(event.data));
    });
    const shown = (message) => {
      apply(message);
      heard(isSlow ? "slow" : "live");
    };
    on("snapshot", shown);
    on("fragment", shown);
    on("heartbeat", ({ slow }) => {
      isSlow = Boolean(slow);
      heard(isSlow ? "slow" : "live");
    });
    on("stale", () => heard("stale"));
    on("full", askInstead);
    on("gone", gone);
    source.onerror = failed;
  };

  const askInstead = () => {
    close();
    startPolling();
    streamTimer = setTimeout(connect, STREAM_AGAIN);
  };

  // The browser gives up for good after an HTTP error, so every reconnection is ours: a little later each time, never all at once.
  const failed = () => {
    close();
    failures += 1;
    const polls = failures >= FAILURES_BEFORE_POLLING && page.dataset.pollUrl;
    if (polls) startPolling();
    else show("reconnecting");
    // A server that starts is soon back; a proxy that holds streams up stays.
    const wait = polls ? (failures < FAILURES_BEFORE_POLLING + 4 ? STREAM_SOON : STREAM_AGAIN) : Math.min(30_000, 1_000 * 2 ** (failures - 1));
    streamTimer = setTimeout(connect, wait * (0.5 + Math.random() / 2));
  };

  const startPolling = () => {
    if (!pollTimer && page.dataset.pollUrl) poll();
  };

  const poll = async () => {
    pollTimer = setTimeout(poll, POLL);
    try {
      const answer = await fetch(page.dataset.pollUrl, { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(4_000) });
      // Signed out, in another role, or a screen's link that is over: the page itself says which.
      if (answer.redirected || [401, 403, 404].includes(answer.status)) return gone();
      if (!answer.ok) throw new Error(answer.statusText);
      const message = await answer.json();
      if (!pollTimer) return undefined; // A stream spoke meanwhile; it knows more.
      apply(message);
      heard("polling");
    } catch {
      if (pollTimer) show("reconnecting");
    }
    return undefined;
  };

  // A connection can die without a word: the sleep of a laptop, a proxy that forgot us.
  setInterval(() => {
    const now = Date.now();
    if (isUnseen()) return;
    if (now - heardAt > STALE) show("reconnecting");
    if (source && now - Math.max(heardAt, triedAt) > (heardAt > triedAt ? STALE : FIRST_WORD)) failed();
  }, 1_000);

  const wake = () => {
    if (document.visibilityState === "hidden" || (source && Date.now() - heardAt <= ASLEEP)) return;
    failures = 0;
    if (Date.now() - heardAt > ASLEEP) show("reconnecting");
    connect();
  };

  // Unseen tabs hold no stream: browsers allow few connections to one host, and the seventh tab would hang.
  // One that is to notify its reader stays on.
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState !== "hidden") wake();
    else if (isUnseen()) leave();
  });
  addEventListener("online", wake);
  addEventListener("pageshow", (event) => event.persisted && wake());
  addEventListener("pagehide", leave);
  connect();
})();
