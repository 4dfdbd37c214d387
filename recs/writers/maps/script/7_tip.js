// What is told about an item: title, date, topic, tags, and the beginning of its text. All of it is text, never markup.
const tip = byId("tip"), REACH = 12;
let shown = -1;

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

function showTip(i, atX = 0, atY = 0) {
  shown = i;
  tip.replaceChildren();
  canvas.style.cursor = i >= 0 ? "pointer" : "";
  if (i >= 0) fillTip(i, atX, atY);
  redraw();
}

function fillTip(i, atX, atY) {
  const title = element(urlOf(i) ? "a" : "strong", titleOf(i));
  if (urlOf(i)) Object.assign(title, {href: urlOf(i), target: "_blank", rel: "noopener noreferrer"});
  const facts = [days[i] === NO_DAY ? "" : dateOf(days[i]), topicNames()[topicOf[i]], tagsOf(i).slice(0, 6).join(", ")];
  tip.append(title, element("small", facts.filter(Boolean).join(" · ")));
  if (data.previews[i]) tip.append(element("p", data.previews[i]));
  tip.style.left = `${Math.max(4, Math.min(atX + 14, width() - tip.offsetWidth - 4))}px`;
  tip.style.top = `${atY + 14 + tip.offsetHeight > height() ? Math.max(4, atY - 14 - tip.offsetHeight) : atY + 14}px`;
}

function nearest(atX, atY) {
  const {a, b, c, d} = projection();
  let best = REACH * REACH, item = -1;
  for (let i = 0; i < n; i++) {
    if (!lit[i]) continue;
    const distance = (x[i] * a + b - atX) ** 2 + (y[i] * c + d - atY) ** 2;
    if (distance < best) [best, item] = [distance, i];
  }
  return item;
}

// Go to the next lit item, or to the one before, and bring it to the middle.
function stepTo(direction) {
  for (let step = 1; step <= n; step++) {
    const i = (shown + direction * step + (shown < 0 && direction < 0 ? 1 : 0) + 2 * n) % n;
    if (!lit[i]) continue;
    const [atX, atY] = screenOf(i);
    moveBy(width() / 2 - atX, height() / 2 - atY);
    showTip(i, width() / 2, height() / 2);
    return;
  }
}

function openShown() {
  if (shown >= 0) tip.querySelector("a")?.click();
}
