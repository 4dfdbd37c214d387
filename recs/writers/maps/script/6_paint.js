// The whole map is painted into a bitmap. While the reader moves it, the bitmap moves; soon after, all is painted again.
const WAIT = 120, QUICK = 14;
const bitmap = document.createElement("canvas"), painter = bitmap.getContext("2d", {willReadFrequently: true});
const screen2d = canvas.getContext("2d");
let paintedView = null, isDirty = true, frame = 0, timer = 0, cost = 0, paints = 0, line = [];

const ratio = () => Math.min(window.devicePixelRatio || 1, 3);

function redraw(dirty = false) {
  isDirty ||= dirty;
  frame ||= requestAnimationFrame(show);
}

function show() {
  frame = 0;
  const isMoved = !paintedView || ["zoom", "left", "top"].some(key => view[key] !== paintedView[key]);
  const isResized = bitmap.width !== Math.round(width() * ratio()) || bitmap.height !== Math.round(height() * ratio());
  if (isDirty || isResized || (isMoved && cost < QUICK)) paintAll();
  else if (isMoved) {
    clearTimeout(timer);
    timer = setTimeout(() => redraw(true), WAIT);
  }
  copy();
}

function paintAll() {
  const start = performance.now();
  clearTimeout(timer);
  bitmap.width = Math.round(width() * ratio());
  bitmap.height = Math.round(height() * ratio());
  paintPoints();
  painter.setTransform(ratio(), 0, 0, ratio(), 0, 0);
  drawLabels(painter);
  painter.setTransform(1, 0, 0, 1, 0, 0);
  paintedView = {...view};
  isDirty = false;
  paints++;
  cost = performance.now() - start;
}

function paintPoints() {
  if (!bitmap.width || !bitmap.height) return;
  painter.fillStyle = getComputedStyle(document.body).backgroundColor;
  painter.fillRect(0, 0, bitmap.width, bitmap.height);
  const isSoft = n > SOFT_FROM;
  if (isSoft) drawSoftAreas();
  const image = painter.getImageData(0, 0, bitmap.width, bitmap.height);
  if (litCount < n) stampPoints(image, ratio(), i => !lit[i], 0.07);
  stampPoints(image, ratio(), i => lit[i] && topicOf[i] < 0, isSoft ? 0.3 : 0.55);
  stampPoints(image, ratio(), i => lit[i] && topicOf[i] >= 0, isSoft ? 0.6 : 0.9);
  painter.putImageData(image, 0, 0);
}

function drawSoftAreas() {
  const areas = softAreas(), small = document.createElement("canvas");
  small.width = areas.width;
  small.height = areas.height;
  small.getContext("2d").putImageData(areas, 0, 0);
  painter.imageSmoothingQuality = "high";
  painter.drawImage(small, 0, 0, areas.width * SOFT_CELL * ratio(), areas.height * SOFT_CELL * ratio());
}

// Put the bitmap on the screen, moved and scaled from the view in which it was painted to the present one.
function copy() {
  if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
  }
  const factor = view.zoom / paintedView.zoom;
  const shift = (size, now, then) => (size / 2 + now - (size / 2 + then) * factor) * ratio();
  screen2d.fillStyle = getComputedStyle(document.body).backgroundColor;
  screen2d.fillRect(0, 0, canvas.width, canvas.height);
  if (bitmap.width && bitmap.height)
    screen2d.drawImage(bitmap, shift(width(), view.left, paintedView.left), shift(height(), view.top, paintedView.top),
      bitmap.width * factor, bitmap.height * factor);
  screen2d.setTransform(ratio(), 0, 0, ratio(), 0, 0);
  drawMarks();
  screen2d.setTransform(1, 0, 0, 1, 0, 0);
}

function drawMarks() {
  Object.assign(screen2d, {strokeStyle: getComputedStyle(document.body).color, lineWidth: 2});
  if (shown >= 0) {
    screen2d.beginPath();
    screen2d.arc(...screenOf(shown), pointRadius() + 3, 0, 7);
    screen2d.stroke();
  }
  if (line.length > 1) {
    screen2d.setLineDash([5, 4]);
    screen2d.beginPath();
    line.forEach(point => screen2d.lineTo(...point));
    screen2d.closePath();
    screen2d.stroke();
    screen2d.setLineDash([]);
  }
}
