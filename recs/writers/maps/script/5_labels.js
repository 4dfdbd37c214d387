// Names of topics: larger topics first; a name that would cover another one or leave the window waits for a closer look.
const FONT = "600 13px system-ui, sans-serif", LINE = 18, LONGEST = 40;
let labels = [];

// The finest layer whose topics have room; at the size that fits, never a finer one than the default.
function layerToShow() {
  const room = topics => Math.sqrt(width() * height() / Math.max(topics, 1)) * view.zoom;
  let best = 0;
  for (let at = 0; at < layers.length; at++)
    if (room(layers[at].names.length) >= (at > data.layer ? 400 : 85)) best = at;
  return best;
}

// How many lit points there are in squares of the window: names should not cover them.
const SQUARE = 9;
let crowd = {columns: 1, rows: 1, counts: new Uint16Array(1)};

function countCrowd() {
  const columns = Math.ceil(width() / SQUARE), rows = Math.ceil(height() / SQUARE), {a, b, c, d} = projection();
  crowd = {columns, rows, counts: new Uint16Array(columns * rows)};
  if (n > SOFT_FROM) return;
  for (let i = 0; i < n; i++) {
    const column = Math.floor((x[i] * a + b) / SQUARE), row = Math.floor((y[i] * c + d) / SQUARE);
    if (lit[i] && column >= 0 && row >= 0 && column < columns && row < rows) crowd.counts[row * columns + column]++;
  }
}

function covered(box) {
  let sum = 0;
  const square = at => Math.max(0, Math.floor(at / SQUARE));
  const right = Math.min(crowd.columns - 1, square(box.x + box.half)), bottom = Math.min(crowd.rows - 1, square(box.y + 8));
  for (let row = square(box.y - 8); row <= bottom; row++)
    for (let column = square(box.x - box.half); column <= right; column++) sum += crowd.counts[row * crowd.columns + column];
  return sum;
}

// Places for a name around the middle of its topic, and how far away they are.
const OFFSETS = [];
for (const down of [0, -1, 1, -1.5, 1.5, -2, 2, -2.5, 2.5, -3, 3])
  for (const across of [0, -0.4, 0.4, -0.8, 0.8]) OFFSETS.push([across, down, Math.abs(down) + 2 * Math.abs(across)]);

function placeLabels(context) {
  labels = [];
  if (!layers.length) return;
  countCrowd();
  const at = layerToShow(), layer = layers[at], {a, b, c, d} = projection(), inLayer = litOfLayer[at];
  const order = layer.names.map((_, topic) => topic).sort((one, other) => layer.sizes[other] - layer.sizes[one] || one - other);
  context.font = FONT;
  for (const topic of order) {
    if (!inLayer[topic]) continue;
    const name = layer.names[topic], text = name.length > LONGEST ? name.slice(0, LONGEST - 1) + "…" : name;
    const middleX = layer.places[topic][0] * a + b, middleY = layer.places[topic][1] * c + d;
    if (middleX < 0 || middleY < 0 || middleX > width() || middleY > height()) continue;
    const label = bestPlace(middleX, middleY, {text, topic, layer: at, half: context.measureText(text).width / 2 + 4});
    if (label) labels.push(label);
  }
}

function bestPlace(middleX, middleY, label) {
  let best = null, least = Infinity;
  for (const [across, down, distance] of OFFSETS) {
    const box = {...label, x: middleX + across * label.half, y: middleY + down * LINE};
    if (!isFree(box)) continue;
    const cost = covered(box) * Math.max(1, Math.min(3, 400 / n)) + distance;
    if (cost < least) [best, least] = [box, cost];
  }
  return best;
}

function isFree(box) {
  if (box.x - box.half < 2 || box.x + box.half > width() - 2 || box.y < LINE / 2 + 2 || box.y > height() - LINE / 2 - 2) return false;
  return labels.every(other => Math.abs(other.x - box.x) >= other.half + box.half || Math.abs(other.y - box.y) >= LINE);
}

// A name has the colour of its topic, darker or lighter than the points, so that it can be read.
function inkOf({topic, layer}) {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches, own = palette[topicOfLabel(topic, layer)] ?? PALE;
  return `rgb(${own.map(part => Math.round(dark ? part * 0.5 + 128 : part * 0.6))})`;
}

// The topic of the default layer that most items of a topic of another layer are in.
function topicOfLabel(topic, layer) {
  if (layer === data.layer) return topic;
  layers[layer].colourOf ??= dominantTopics(layers[layer]);
  return layers[layer].colourOf[topic];
}

function dominantTopics(layer) {
  const shared = layer.names.map(() => new Map());
  for (let i = 0; i < n; i++)
    if (layer.topicOf[i] >= 0 && topicOf[i] >= 0) shared[layer.topicOf[i]].set(topicOf[i], (shared[layer.topicOf[i]].get(topicOf[i]) ?? 0) + 1);
  return shared.map(amounts => [...amounts].reduce((best, each) => each[1] > best[1] ? each : best, [-1, 0])[0]);
}

function drawLabels(context) {
  placeLabels(context);
  const {backgroundColor} = getComputedStyle(document.body);
  Object.assign(context, {font: FONT, textAlign: "center", textBaseline: "middle", lineJoin: "round", lineWidth: 4});
  for (const label of labels) {
    const {x, y, text} = label;
    context.globalAlpha = 0.85;
    context.strokeStyle = backgroundColor;
    context.strokeText(text, x, y);
    context.globalAlpha = 1;
    context.fillStyle = inkOf(label);
    context.fillText(text, x, y);
  }
}

const labelAt = (atX, atY) => labels.find(box => Math.abs(box.x - atX) < box.half && Math.abs(box.y - atY) < LINE / 2);
