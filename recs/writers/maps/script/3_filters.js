// Which items are lit: all that every filter lets through. The rest is drawn very pale.
const chosenTopics = new Set();
const period = {since: NaN, until: NaN};
let lit = new Uint8Array(0), litCount = 0, litOfLayer = [], selection = null, lowerTitles = null;

function tests() {
  const words = byId("query").value.trim().toLowerCase(), tag = data.tags.indexOf(byId("tag").value.trim());
  const all = [];
  if (chosenTopics.size) all.push(i => chosenTopics.has(topicOf[i]));
  if (byId("tag").value.trim()) all.push(i => tag >= 0 && hasTag(i, tag));
  if (!isNaN(period.since)) all.push(i => days[i] !== NO_DAY && days[i] >= period.since);
  if (!isNaN(period.until)) all.push(i => days[i] !== NO_DAY && days[i] <= period.until);
  if (selection) all.push(i => selection[i] === 1);
  if (words) {
    lowerTitles ??= data.titles.map((_, i) => titleOf(i).toLowerCase());
    all.push(i => lowerTitles[i].includes(words));
  }
  return all;
}

function filter() {
  const all = tests();
  if (lit.length !== n) lit = new Uint8Array(n);
  litCount = 0;
  for (let i = 0; i < n; i++) litCount += lit[i] = all.every(test => test(i)) ? 1 : 0;
  litOfLayer = layers.map(layer => counts(layer.topicOf, layer.names.length, i => lit[i]));
  const plain = number => number.toLocaleString("en");
  byId("count").textContent = all.length ? `${plain(litCount)} of ${plain(n)}` : `${plain(n)} items`;
  byId("clear").hidden = !all.length;
  byId("save").hidden = !all.length || !litCount;
  showTip(-1);
  drawLegend();
  drawBrush();
  redraw(true);
}

function clearFilters() {
  byId("query").value = byId("tag").value = byId("since").value = byId("until").value = "";
  period.since = period.until = NaN;
  selection = null;
  chosenTopics.clear();
  filter();
}

function toggleTopic(topic) {
  if (!chosenTopics.delete(topic)) chosenTopics.add(topic);
  filter();
}

function litIds() {
  return data.ids.filter((_, i) => lit[i]);
}

function saveIds() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(litIds(), null, 1) + "\n"], {type: "application/json"}));
  link.download = "selected-ids.json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
