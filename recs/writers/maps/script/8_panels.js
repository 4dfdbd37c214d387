// The legend, which filters by topic, and the brush, which filters by time.
const brush = byId("brush"), BAR = 5;
let firstDay = 0, lastDay = 0, brushFrom = NaN;

function makeLegend() {
  const rows = topicNames().map((name, topic) => legendRow(name, data.colours[topic], topic, sizes[topic]));
  const outside = n - sizes.reduce((sum, size) => sum + size, 0);
  if (outside && rows.length) rows.push(legendRow("In no topic", "#9aa0a8", -1, outside));
  byId("legend").replaceChildren(...rows);
}

function legendRow(name, colour, topic, size) {
  const row = document.createElement("button"), space = "http://www.w3.org/2000/svg";
  const dot = document.createElementNS(space, "svg"), circle = document.createElementNS(space, "circle");
  for (const [key, value] of Object.entries({cx: 5, cy: 5, r: 5, fill: colour})) circle.setAttribute(key, value);
  dot.setAttribute("viewBox", "0 0 10 10");
  dot.append(circle);
  row.type = "button";
  row.dataset.topic = topic;
  row.append(dot, element("span", name), element("span", size.toLocaleString("en")));
  row.onclick = () => toggleTopic(topic);
  return row;
}

function drawLegend() {
  const shownSizes = layers.length ? litOfLayer[data.layer] : [];
  for (const row of byId("legend").children) {
    const topic = Number(row.dataset.topic);
    row.setAttribute("aria-pressed", chosenTopics.has(topic));
    row.classList.toggle("faint", chosenTopics.size > 0 && !chosenTopics.has(topic));
    if (topic >= 0) row.lastChild.textContent = shownSizes[topic].toLocaleString("en");
  }
}

function makeBrush() {
  const dated = days.filter(day => day !== NO_DAY);
  if (!dated.length) return;
  firstDay = dated.reduce((a, b) => Math.min(a, b));
  lastDay = dated.reduce((a, b) => Math.max(a, b));
  byId("time").hidden = firstDay === lastDay;
}

const brushBars = () => Math.max(1, Math.floor(brush.clientWidth / BAR));
const barOf = day => Math.floor((day - firstDay) / (lastDay - firstDay + 1) * brushBars());
const dayAt = atX => Math.round(firstDay + Math.max(0, Math.min(1, atX / brush.clientWidth)) * (lastDay - firstDay));

function drawBrush() {
  if (byId("time").hidden) return;
  const bars = brushBars(), all = new Int32Array(bars), chosen = new Int32Array(bars), high = brush.clientHeight;
  for (let i = 0; i < n; i++) {
    if (days[i] === NO_DAY) continue;
    all[barOf(days[i])]++;
    chosen[barOf(days[i])] += lit[i];
  }
  brush.width = brush.clientWidth * ratio();
  brush.height = high * ratio();
  const context = brush.getContext("2d"), most = all.reduce((a, b) => Math.max(a, b), 1);
  context.scale(ratio(), ratio());
  const paint = (amounts, colour) => {
    context.fillStyle = colour;
    amounts.forEach((amount, at) => context.fillRect(at * BAR, high - (high - 4) * amount / most, BAR - 1, (high - 4) * amount / most));
  };
  paint(all, "#9aa0a880");
  paint(chosen, "#1f78c8");
}

function setPeriod(since, until) {
  period.since = since;
  period.until = until;
  byId("since").value = isNaN(since) ? "" : dateOf(since);
  byId("until").value = isNaN(until) ? "" : dateOf(until);
  filter();
}

function listenToBrush() {
  brush.onpointerdown = event => {
    brushFrom = dayAt(event.offsetX);
    brush.setPointerCapture(event.pointerId);
  };
  brush.onpointermove = event => {
    if (isNaN(brushFrom)) return;
    const to = dayAt(event.offsetX);
    setPeriod(Math.min(brushFrom, to), Math.max(brushFrom, to));
  };
  brush.onpointerup = event => {
    if (brushFrom === dayAt(event.offsetX)) setPeriod(NaN, NaN);
    brushFrom = NaN;
  };
  byId("since").onchange = byId("until").onchange = () => setPeriod(dayOf(byId("since").value), dayOf(byId("until").value));
}
