// Keeps a page up to date. Everything on it works without this.
"use strict";
(() => {
  const words = (seconds) => {
    if (seconds < 120) return Math.max(0, Math.floor(seconds)) + " s";
    if (seconds < 7200) return Math.floor(seconds / 60) + " min";
    if (seconds < 172800) return Math.floor(seconds / 3600) + " h " + Math.floor((seconds % 3600) / 60) + " min";
    return Math.floor(seconds / 86400) + " days";
  };
  const tick = () => {
    for (const span of document.querySelectorAll("time > [data-ago]")) {
      const ago = (Date.now() - Date.parse(span.parentElement.dateTime)) / 1000;
      const text = ago < 0 ? "in " + words(-ago) : words(ago) + " ago";
      if (span.textContent !== text) span.textContent = text;
    }
  };
  setInterval(tick, 1000);

  // What a person has opened or focused stays so when a part is replaced.
  const key = (element) => element.id || element.getAttribute("href") || (element.tagName + (element.textContent || "").slice(0, 40));
  const replace = (id, html) => {
    const old = document.getElementById(id);
    if (!old) return;
    const open = [...old.querySelectorAll("details")].map((d) => d.open);
    const focused = old.contains(document.activeElement) ? key(document.activeElement) : "";
    const scrolled = [...old.querySelectorAll(".scroll")].map((s) => s.scrollLeft);
    const fresh = new DOMParser().parseFromString(html, "text/html").getElementById(id);
    if (!fresh) return;
    old.replaceWith(fresh);
    fresh.querySelectorAll("details").forEach((d, i) => { d.open = Boolean(open[i]); });
    fresh.querySelectorAll(".scroll").forEach((s, i) => { s.scrollLeft = scrolled[i] || 0; });
    if (focused) [...fresh.querySelectorAll("a, button, summary, [tabindex]")].find((e) => key(e) === focused)?.focus({ preventScroll: true });
    tick();
  };
  const topic = document.body.dataset.topic;
  if (topic && "EventSource" in window) {
    const state = document.getElementById("stream");
    const events = new EventSource("/events?topic=" + encodeURIComponent(topic));
    events.addEventListener("show", (event) => {
      state.textContent = "";
      for (const [id, html] of Object.entries(JSON.parse(event.data))) replace(id, html);
    });
    events.onerror = () => {
      state.textContent = "This server does not answer; what is shown is from " + new Date().toLocaleTimeString() + " and gets older.";
      if (events.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 15000);
    };
  }
})();
