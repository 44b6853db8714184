// Says when a campaign ends or needs somebody, in a browser that was asked to: as a notification, and in the title of an unseen tab.
// Pages name campaigns by `data-watch` (the id), `data-watch-name` and `data-watch-word` (fine, waiting, attention, ended).
(() => {
  "use strict";

  const WANTED = "callboard-notify";
  const WORDS = { attention: "needs attention", ended: "has ended" };
  const title = document.title;
  const known = new Map();
  const isOffered = "Notification" in globalThis;
  // What was chosen is this browser's; one that keeps nothing was asked nothing.
  const kept = () => { try { return localStorage.getItem(WANTED); } catch { return null; } };
  const keep = (choice) => { try { localStorage.setItem(WANTED, choice); } catch { /* then it holds for nobody */ } };
  const isOn = () => isOffered && Notification.permission === "granted" && kept() === "yes";

  globalThis.callboard = { staysOn: isOn };

  const showButtons = () => document.querySelectorAll(".js-notify").forEach((button) => {
    button.hidden = !isOffered || Notification.permission === "denied";
    button.setAttribute("aria-pressed", String(isOn()));
    button.querySelector("span").textContent = isOn() ? "Notifying you" : "Notify me";
    button.title = isOn() ? "This browser says when a campaign ends or needs attention. Press to stop." : "Let this browser say when a campaign ends or needs attention, also while this tab is in the background.";
  });

  document.addEventListener("click", async (event) => {
    if (!event.target.closest(".js-notify")) return;
    const turnOn = !isOn();
    if (turnOn && Notification.permission !== "granted") await Notification.requestPermission();
    keep(turnOn ? "yes" : "no");
    showButtons();
  });

  const say = (id, name, word) => {
    if (!isOn()) return;
    const words = `${name} ${WORDS[word]}`;
    if (document.visibilityState === "hidden") document.title = `● ${words}`;
    try {
      // Several tabs say the same: the same tag makes it one.
      const notice = new Notification(words, { tag: `callboard-${id}-${word}`, icon: "/static/favicon.svg" });
      notice.onclick = () => {
        window.focus();
        location.assign(`/campaigns/${id}`);
      };
    } catch { /* Browsers of telephones let no page do this; the title says it there. */ }
  };

  const look = () => document.querySelectorAll("[data-watch]").forEach(({ dataset }) => {
    const held = known.get(dataset.watch);
    known.set(dataset.watch, dataset.watchWord);
    if (held && held !== dataset.watchWord && WORDS[dataset.watchWord]) say(dataset.watch, dataset.watchName, dataset.watchWord);
  });

  document.addEventListener("live:changed", () => {
    look();
    showButtons();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState !== "hidden") document.title = title;
  });
  look();
  showButtons();
})();
