// What pages do beyond plain HTML: local times, ages, copying, counters, drop zones, the theme. Pages work without it.
(() => {
  "use strict";

  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const plural = (count, unit) => `${count} ${unit}`;

  // ── Time ──
  const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
  const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
  const clockSeconds = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
  const thisYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  const anyYear = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

  const duration = (seconds) => {
    if (seconds < 60) return plural(Math.floor(seconds), "s");
    if (seconds < 3600) return plural(Math.floor(seconds / 60), "min");
    if (seconds < 86400) return plural(Math.floor(seconds / 3600), "h");
    return plural(Math.floor(seconds / 86400), "d");
  };

  const age = (instant, now) => {
    const seconds = (now - instant) / 1000;
    if (seconds > -1 && seconds < 1) return "just now";
    return seconds < 0 ? `in ${duration(-seconds)}` : `${duration(seconds)} ago`;
  };

  const absolute = (instant, now, seconds) => {
    if (instant.toDateString() === now.toDateString()) return `today, ${(seconds ? clockSeconds : clock).format(instant)}`;
    return (instant.getFullYear() === now.getFullYear() ? thisYear : anyYear).format(instant);
  };

  const say = (element, words) => {
    if (element.textContent !== words) element.textContent = words;
  };

  const showTime = (element, now) => {
    const instant = new Date(element.dateTime);
    if (Number.isNaN(instant.getTime())) return;
    const title = `${exact.format(instant)} · ${instant.toISOString().replace(/\.\d+Z$/, "Z")}`;
    if (element.title !== title) element.title = title;
    const isToday = instant.toDateString() === now.toDateString();
    if ("relative" in element.dataset) say(element, age(instant, now));
    else if ("short" in element.dataset && isToday) say(element, clock.format(instant));
    else say(element, absolute(instant, now, "seconds" in element.dataset));
  };

  // How fresh a live page is: silence matters only while calls are open, a broken connection always.
  const liveness = (element, now) => {
    if ("ended" in element.dataset) return ["Ended", "neutral"];
    const state = document.querySelector("[data-live-url]")?.dataset.liveState ?? "connecting";
    const last = element.dataset.lastEvent ? new Date(element.dataset.lastEvent) : null;
    const event = last ? `last event ${age(last, now)}` : "no event yet";
    if (state === "reconnecting") return [`Reconnecting… ${event}`, "warn"];
    if (state === "connecting") return [`Connecting… ${event}`, "neutral"];
    if (state === "stale") return [`Stale: the server cannot look now, ${event}`, "bad"];
    if (state === "slow") return [`Reconnecting… updating every 5 s, ${event}`, "warn"];
    const silence = last && Number(element.dataset.open) > 0 ? (now - last) / 1000 : 0;
    const words = state === "polling" ? `Updating every 5 s, ${event}` : `Live, ${event}`;
    return [words, silence > 300 ? "bad" : silence > 60 ? "warn" : "good"];
  };

  const showLive = (element, now) => {
    if (!document.querySelector("[data-live-url]")) return; // A page that is not live keeps the server's words.
    const [words, tone] = liveness(element, now);
    say(element.querySelector(".live-words"), words);
    element.className = `live-dot js-live tone-${tone}`;
  };

  const showSaved = (element, now) => {
    if (element.dataset.savedAt && !("wrong" in element.dataset)) say(element, `Saved ${age(new Date(element.dataset.savedAt), now)}`);
  };

  const tick = () => {
    const now = new Date();
    all("time.js-time").forEach((element) => showTime(element, now));
    all(".js-live").forEach((element) => showLive(element, now));
    all(".js-saved").forEach((element) => showSaved(element, now));
  };

  // ── Pieces that wake up when they arrive on the page ──
  const count = (counter) => {
    const input = document.getElementById(counter.dataset.counterFor);
    if (!input) return;
    const left = input.maxLength - input.value.length;
    say(counter, `${input.value.length} / ${input.maxLength}`);
    counter.toggleAttribute("data-full", left <= Math.min(20, input.maxLength / 10));
  };

  // A button that names what was typed; its own words while nothing is.
  const echo = (element) => {
    element.dataset.otherwise ??= element.textContent;
    say(element, document.getElementById(element.dataset.echoOf)?.value.trim().slice(0, 24) || element.dataset.otherwise);
  };

  const wake = (root = document) => {
    all(".js-copy[hidden], .js-theme[hidden], .js-reveal[hidden], .drop-words[hidden]", root).forEach((element) => { element.hidden = false; });
    all("[data-counter-for]", root).forEach(count);
    all("[data-echo-of]", root).forEach(echo);
    tick();
  };

  document.addEventListener("input", (event) => {
    if (!event.target.id) return;
    all(`[data-counter-for="${CSS.escape(event.target.id)}"]`).forEach(count);
    all(`[data-echo-of="${CSS.escape(event.target.id)}"]`).forEach(echo);
  });

  document.addEventListener("change", (event) => {
    const fields = event.target.dataset?.reveals?.split(" ") ?? [];
    fields.forEach((id) => { document.getElementById(id).type = event.target.checked ? "text" : "password"; });
  });

  // ── Clicks and keys ──
  const switchTheme = () => {
    const root = document.documentElement;
    const dark = root.dataset.bsTheme ? root.dataset.bsTheme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.bsTheme = dark ? "light" : "dark";
    document.cookie = `theme=${root.dataset.bsTheme};path=/;max-age=31536000;samesite=lax`;
  };

  const copy = async (button) => {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      const area = Object.assign(document.createElement("textarea"), { value: button.dataset.copy });
      document.body.append(area);
      area.select();
      document.execCommand("copy"); // The clipboard is for secure pages only; a console on http:// still copies.
      area.remove();
    }
    button.dataset.done = "";
    button.querySelector("use").setAttribute("href", "#i-check");
    setTimeout(() => {
      delete button.dataset.done;
      button.querySelector("use")?.setAttribute("href", "#i-copy");
    }, 1500);
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest(".js-copy");
    if (button) copy(button);
    if (event.target.closest(".js-theme")) switchTheme();
    all("details.js-menu[open]").filter((menu) => !menu.contains(event.target)).forEach((menu) => { menu.open = false; });
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      all("details.js-menu[open]").forEach((menu) => { menu.open = false; menu.querySelector("summary").focus(); });
    }
    const search = document.querySelector("input[type=search]");
    if (search && event.key === "k" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      search.focus();
    }
  });

  // ── Files ──
  const zone = (event) => event.target.closest?.(".js-drop");
  document.addEventListener("dragover", (event) => {
    if (!zone(event)) return;
    event.preventDefault();
    zone(event).dataset.over = "";
  });
  document.addEventListener("dragleave", (event) => {
    if (zone(event) && !zone(event).contains(event.relatedTarget)) delete zone(event).dataset.over;
  });
  document.addEventListener("drop", (event) => {
    const target = zone(event);
    if (!target) return;
    event.preventDefault();
    delete target.dataset.over;
    const input = target.querySelector("input[type=file]");
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });

  // ── Forms: one press, one request. A page that comes back from the browser's cache can be pressed again. ──
  const rest = (button, resting) => {
    button.disabled = resting;
    button.toggleAttribute("data-busy", resting);
  };
  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (event.defaultPrevented || !button || event.target.method !== "post") return;
    setTimeout(() => rest(button, true)); // After the browser has read the form: a disabled button is left out of it.
    setTimeout(() => rest(button, false), 15000);
  });
  addEventListener("pageshow", (event) => {
    if (event.persisted) all("button[data-busy]").forEach((button) => rest(button, false));
  });

  // ── htmx ──
  const notice = (words) => {
    const box = Object.assign(document.createElement("div"), { className: "notice tone-bad", textContent: words });
    box.setAttribute("role", "alert");
    document.getElementById("notices")?.replaceChildren(box);
  };
  const saving = (event, words, wrong, at) => {
    if (!event.detail.elt.closest("[data-autosave]")) return false;
    all(".js-saved").forEach((element) => {
      element.toggleAttribute("data-wrong", wrong);
      if (at) element.dataset.savedAt = at;
      say(element, words);
    });
    return true;
  };
  document.addEventListener("htmx:configRequest", (event) => {
    event.detail.headers["X-CSRFToken"] = document.querySelector("meta[name=csrf-token]").content;
  });
  // A refusal brings its own words for the place of notices; htmx would drop them with the status.
  const bringsNotice = (event) => event.detail.xhr?.getResponseHeader("HX-Retarget") === "#notices";
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (bringsNotice(event)) event.detail.shouldSwap = true;
  });
  document.addEventListener("htmx:beforeRequest", (event) => saving(event, "Saving…", false));
  document.addEventListener("htmx:afterRequest", (event) => {
    const refused = event.detail.xhr?.status === 422; // Its answer is swapped in all the same: it says what is wrong.
    if (event.detail.successful && !refused) saving(event, "Saved just now", false, new Date().toISOString());
    else if (!saving(event, "Not saved", true) && event.detail.xhr?.status !== 422 && !bringsNotice(event)) notice("That did not work. Check the connection, then try again.");
  });
  document.addEventListener("htmx:load", (event) => wake(event.detail.elt));
  document.addEventListener("live:changed", () => wake());
  document.addEventListener("live:state", tick);
  globalThis.htmx?.defineExtension("morph", {
    isInlineSwap: (style) => style === "morph",
    handleSwap: (style, target, fragment) => style === "morph" && Idiomorph.morph(target, fragment.children, { morphStyle: "outerHTML" }),
  });

  // A row of tabs that is wider than the screen begins where one is.
  all(".tabs [aria-current], .nav-items [aria-current]").forEach((tab) => {
    const row = tab.parentElement;
    row.scrollLeft += Math.max(0, tab.getBoundingClientRect().right - row.getBoundingClientRect().right);
  });
  wake();
  setInterval(tick, 1000);
})();
