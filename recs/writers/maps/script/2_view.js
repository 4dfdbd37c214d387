// Which part of the map is shown: `zoom` times the size that fits, moved by `left` and `top` pixels.
const view = {zoom: 1, left: 0, top: 0};
const EDGE = 34, LARGEST_ZOOM = 300, MOST_STRETCH = 1.8;
const canvas = byId("map");
const width = () => canvas.clientWidth, height = () => canvas.clientHeight;

// Axes of a map mean nothing, so it may be stretched to fill the window, within limits.
function scales() {
  let across = Math.max(width() - 2 * EDGE, 20), down = Math.max(height() - 2 * EDGE, 20) / data.height;
  across = Math.min(across, down * MOST_STRETCH);
  down = Math.min(down, across * MOST_STRETCH);
  return {across: across * view.zoom, down: down * data.height * view.zoom};
}

// The numbers of x → a x + b and y → c y + d that lead from the map to pixels.
function projection() {
  const {across, down} = scales();
  return {a: across, b: width() / 2 + view.left - across / 2, c: down, d: height() / 2 + view.top - down / 2};
}

function screenOf(i) {
  const p = projection();
  return [x[i] * p.a + p.b, y[i] * p.c + p.d];
}

function moveBy(dx, dy) {
  view.left += dx;
  view.top += dy;
  redraw();
}

function zoomBy(factor, atX = width() / 2, atY = height() / 2) {
  factor = Math.max(0.5, Math.min(LARGEST_ZOOM, view.zoom * factor)) / view.zoom;
  const fromX = atX - width() / 2, fromY = atY - height() / 2;
  view.left = fromX - (fromX - view.left) * factor;
  view.top = fromY - (fromY - view.top) * factor;
  view.zoom *= factor;
  redraw();
}

function showWhole() {
  Object.assign(view, {zoom: 1, left: 0, top: 0});
  redraw();
}
