// Mouse, touch and keyboard.
const held = new Map();
let isDrawing = false, hasMoved = false;

const at = event => [event.offsetX, event.offsetY];

function setDrawing(on) {
  isDrawing = on;
  byId("lasso").setAttribute("aria-pressed", on);
  canvas.classList.toggle("drawing", on);
}

// Light the items inside a line; of them only those that were lit.
function selectInside(points) {
  if (points.length < 3) return;
  const {a, b, c, d} = projection(), inside = new Uint8Array(n);
  for (let i = 0; i < n; i++) if (lit[i] && isInside(x[i] * a + b, y[i] * c + d, points)) inside[i] = 1;
  selection = inside;
  filter();
}

function isInside(atX, atY, points) {
  let inside = false;
  for (let i = 0, j = points.length - 1; i < points.length; j = i++) {
    const [xi, yi] = points[i], [xj, yj] = points[j];
    if (yi > atY !== yj > atY && atX < (xj - xi) * (atY - yi) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}

function down(event) {
  held.set(event.pointerId, event);
  canvas.setPointerCapture(event.pointerId);
  hasMoved = false;
  line = (isDrawing || event.shiftKey) && held.size === 1 ? [at(event)] : [];
}

function move(event) {
  const before = held.get(event.pointerId), [atX, atY] = at(event);
  if (!before) {
    const i = nearest(atX, atY);
    if (i !== shown) showTip(i, atX, atY);
    return;
  }
  if (!hasMoved && Math.hypot(atX - before.offsetX, atY - before.offsetY) <= 3) return;
  hasMoved = true;
  if (shown >= 0) showTip(-1);
  if (held.size > 1) pinch(event, before);
  else if (line.length) line.push([atX, atY]), redraw();
  else moveBy(atX - before.offsetX, atY - before.offsetY);
  held.set(event.pointerId, event);
}

function pinch(event, before) {
  line = [];
  const other = [...held.values()].find(each => each.pointerId !== event.pointerId);
  const gap = each => Math.hypot(each.offsetX - other.offsetX, each.offsetY - other.offsetY) || 1;
  zoomBy(gap(event) / gap(before), other.offsetX, other.offsetY);
}

function up(event) {
  held.delete(event.pointerId);
  const drawn = line;
  line = [];
  if (event.type !== "pointerup") return redraw();
  if (hasMoved) {
    if (drawn.length) {
      setDrawing(false);
      selectInside(drawn);
    }
    return;
  }
  const label = labelAt(...at(event)), i = nearest(...at(event));
  if (i < 0 && label && label.layer === data.layer) toggleTopic(label.topic);
  else {
    showTip(i, ...at(event));
    if (event.pointerType === "mouse") openShown();
  }
}

const MAP_KEYS = {
  ArrowLeft: () => moveBy(60, 0), ArrowRight: () => moveBy(-60, 0), ArrowUp: () => moveBy(0, 60), ArrowDown: () => moveBy(0, -60),
  "+": () => zoomBy(1.25), "=": () => zoomBy(1.25), "-": () => zoomBy(0.8), "0": showWhole,
  n: () => stepTo(1), p: () => stepTo(-1), Enter: openShown, s: () => setDrawing(!isDrawing),
};

function listen() {
  canvas.onpointerdown = down;
  canvas.onpointermove = move;
  canvas.onpointerup = canvas.onpointercancel = up;
  canvas.onwheel = event => {
    event.preventDefault();
    zoomBy(Math.exp(-event.deltaY / 500), ...at(event));
  };
  canvas.onkeydown = event => {
    if (event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(MAP_KEYS, event.key)) return;
    event.preventDefault();
    MAP_KEYS[event.key]();
  };
  byId("query").onkeydown = event => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    stepTo(event.shiftKey ? -1 : 1);
  };
  document.onkeydown = event => {
    if (event.key === "/" && !(event.target instanceof HTMLInputElement)) {
      event.preventDefault();
      byId("query").focus();
    }
    if (event.key === "Escape") isDrawing ? setDrawing(false) : clearFilters();
  };
  const buttons = {closer: () => zoomBy(1.5), farther: () => zoomBy(1 / 1.5), whole: showWhole, lasso: () => setDrawing(!isDrawing), save: saveIds, clear: clearFilters};
  for (const [id, action] of Object.entries(buttons)) byId(id).onclick = action;
  byId("legend-button").onclick = () => byId("legend-button").setAttribute("aria-expanded", byId("legend").classList.toggle("open"));
  byId("filters").onsubmit = event => event.preventDefault();
  byId("query").oninput = byId("tag").oninput = filter;
  matchMedia("(prefers-color-scheme: dark)").onchange = () => redraw(true);
  new ResizeObserver(() => (drawBrush(), redraw(true))).observe(canvas);
}

async function start() {
  load(await unpacked(byId("data")));
  palette = data.colours.map(rgb);
  byId("tag").hidden = !data.tags.length;
  byId("tags").append(...data.tags.slice(0, 500).map(tag => new Option("", tag)));
  makeLegend();
  document.body.classList.toggle("plain", !topicNames().length);
  makeBrush();
  listenToBrush();
  listen();
  filter();
  document.body.classList.replace("loading", "ready");
}

const ready = start();
