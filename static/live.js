// Keeps a page with `data-live-url` up to date: one event stream while the page is seen, polling where streams fail.
// Events: `snapshot` and `fragment` ({"target", "html"} or {"fragments": [...]}), `heartbeat`, and `gone` (the session ended).
(() => {
  "use strict";

  const page = document.querySelector("[data-live-url]");
  if (!page) return;

  const STALE = 35_000; // Two heartbeats and a little.
  const FIRST_WORD = 10_000; // A stream begins with a snapshot; without one, something between us holds it back.
  const ASLEEP = 20_000;
  const POLL = 5_000;
  const STREAM_AGAIN = 60_000;
  const FAILURES_BEFORE_POLLING = 3;

  let source = null;
  let failures = 0;
  let heardAt = Date.now();
  let triedAt = Date.now();
  let streamTimer = 0;
  let pollTimer = 0;

  const show = (state) => {
    if (page.dataset.liveState === state) return;
    page.dataset.liveState = state;
    document.dispatchEvent(new Event("live:state"));
  };

  const heard = (state) => {
    heardAt = Date.now();
    show(state);
  };

  // A fragment is the whole element of that id. What the viewer opened or typed is theirs and stays.
  const morph = ({ target, html }) => {
    const element = document.getElementById(target);
    if (!element) return;
    Idiomorph.morph(element, html, {
      morphStyle: "outerHTML",
      ignoreActiveValue: true,
      callbacks: { beforeAttributeUpdated: (name, node) => !(name === "open" && node.tagName === "DETAILS") && name !== "data-live-state" },
    });
    const changed = document.getElementById(target);
    if (changed) globalThis.htmx?.process(changed);
  };

  const apply = (message) => {
    (message.fragments ?? [message]).forEach(morph);
    document.dispatchEvent(new Event("live:changed"));
  };

  const close = () => {
    source?.close();
    source = null;
    clearTimeout(streamTimer);
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

  const connect = () => {
    close();
    if (document.visibilityState === "hidden") return;
    triedAt = Date.now();
    if (!globalThis.EventSource) {
      startPolling();
      return;
    }
    source = new EventSource(page.dataset.liveUrl);
    const on = (name, act) => source.addEventListener(name, (event) => {
      failures = 0;
      clearTimeout(pollTimer);
      pollTimer = 0;
      heard("live");
      act(event);
    });
    on("snapshot", (event) => apply(JSON.parse(event.data)));
    on("fragment", (event) => apply(JSON.parse(event.data)));
    on("heartbeat", () => {});
    on("gone", gone);
    source.onerror = failed;
  };

  // The browser gives up for good after an HTTP error, so every reconnection is ours: a little later each time, never all at once.
  const failed = () => {
    close();
    failures += 1;
    const polls = failures >= FAILURES_BEFORE_POLLING && page.dataset.pollUrl;
    if (polls) startPolling();
    else show("reconnecting");
    const wait = polls ? STREAM_AGAIN : Math.min(30_000, 1_000 * 2 ** (failures - 1));
    streamTimer = setTimeout(connect, wait * (0.5 + Math.random() / 2));
  };

  const startPolling = () => {
    if (!pollTimer && page.dataset.pollUrl) poll();
  };

  const poll = async () => {
    pollTimer = setTimeout(poll, POLL);
    try {
      const answer = await fetch(page.dataset.pollUrl, { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(4_000) });
      if (answer.redirected || answer.status === 401 || answer.status === 403) return gone();
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
    if (document.visibilityState === "hidden") return;
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
  document.addEventListener("visibilitychange", () => (document.visibilityState === "hidden" ? leave() : wake()));
  addEventListener("online", wake);
  addEventListener("pageshow", (event) => event.persisted && wake());
  addEventListener("pagehide", leave);
  connect();
})();
