// Related items in any page: <div data-recs-id="ID"></div> and <script src="/related.js" data-folder="/related/" defer></script>
// The folder is the result of `recs related … --format files`. The page must come over HTTPS, or from localhost.

const folder = document.currentScript.dataset.folder;

async function fileOf(id) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(id));
  const digits = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0"));
  return `${folder}${digits.join("").slice(0, 32)}.json`;
}

async function showRelated(place) {
  const answer = await fetch(await fileOf(place.dataset.recsId));
  if (!answer.ok) return; // no list for this id
  const entries = (await answer.json()).related.filter((entry) => /^(https?:\/\/|\/(?!\/))/i.test(entry.url ?? ""));
  if (!entries.length) return;
  place.className = "related";
  place.append(Object.assign(document.createElement("h2"), { textContent: "Related" }));
  const list = place.appendChild(document.createElement("ul"));
  for (const entry of entries) {
    const link = Object.assign(document.createElement("a"), { href: entry.url, textContent: entry.title });
    list.appendChild(document.createElement("li")).append(link);
  }
}

document.querySelectorAll("[data-recs-id]").forEach(showRelated);
