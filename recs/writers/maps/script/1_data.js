// The data of the map: unpacked once, then read-only. Titles and names are only ever shown as text.
"use strict";
const byId = id => document.getElementById(id);

function bytesOf(base64) {
  const text = atob(base64), bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

async function unpacked(element) {
  const stream = new Blob([bytesOf(element.textContent)]).stream().pipeThrough(new DecompressionStream("gzip"));
  element.remove();
  return new Response(stream).json();
}

const whole = base64 => new Int32Array(bytesOf(base64).buffer);
const NO_DAY = -2147483648;
const dayOf = text => text ? Math.floor(Date.parse(text) / 86400000) : NaN;
const dateOf = day => new Date(day * 86400000).toISOString().slice(0, 10);
const safeUrl = url => /^https?:\/\//i.test(url) ? url : "";

let data, n = 0, x, y, topicOf, days, layers, sizes;

function load(raw) {
  data = raw;
  n = raw.ids.length;
  const places = new Uint16Array(bytesOf(raw.places).buffer);
  x = new Float32Array(n);
  y = new Float32Array(n);
  for (let i = 0; i < n; i++) {
    x[i] = places[2 * i] / 65535;
    y[i] = places[2 * i + 1] / 65535;
  }
  days = whole(raw.days);
  layers = raw.layers.map(layer => ({...layer, topicOf: whole(layer.topic_of)}));
  topicOf = layers.length ? layers[raw.layer].topicOf : new Int32Array(n).fill(-1);
  sizes = counts(topicOf, topicNames().length, () => true);
}

const topicNames = () => layers.length ? layers[data.layer].names : [];
const titleOf = i => data.titles[i] || data.ids[i];
const urlOf = i => safeUrl(data.url_start + data.urls[i]);

function counts(topics, length, test) {
  const sum = new Int32Array(length);
  for (let i = 0; i < topics.length; i++) if (topics[i] >= 0 && test(i)) sum[topics[i]]++;
  return sum;
}

let tagEnds, tagged;
function hasTag(i, tag) {
  tagEnds ??= whole(data.tag_ends);
  tagged ??= whole(data.tagged);
  for (let at = i ? tagEnds[i - 1] : 0; at < tagEnds[i]; at++) if (tagged[at] === tag) return true;
  return false;
}

function tagsOf(i) {
  tagEnds ??= whole(data.tag_ends);
  tagged ??= whole(data.tagged);
  return Array.from(tagged.subarray(i ? tagEnds[i - 1] : 0, tagEnds[i]), tag => data.tags[tag]);
}
