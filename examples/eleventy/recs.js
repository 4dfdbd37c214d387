// A filter for Eleventy 3: the pages in the related list of a page.
// `recs related src --format eleventy -o src/_data/recs.json` wrote the lists. An id is the path of a file below the
// folder that recs read, without its suffix and without /index.

import path from "node:path";

export default function (config, { input = "src" } = {}) {
  const idOf = (file) =>
    path.relative(input, file).replaceAll(path.sep, "/").replace(/\.[^./]+$/, "").replace(/\/index$/, "");
  const tables = new WeakMap();

  const pagesById = (collection) => {
    if (!tables.has(collection)) {
      const pages = collection.filter((item) => item.url);
      tables.set(collection, new Map(pages.map((item) => [idOf(item.inputPath), item])));
    }
    return tables.get(collection);
  };

  config.addFilter("related", (lists, page, collection) => {
    const pages = pagesById(collection);
    const ids = Object.keys(lists ?? {});
    if (ids.length && !ids.some((id) => pages.has(id))) {
      throw new Error(`recs.json has no id of a page in ${input}; run recs related ${input} --format eleventy`);
    }
    const list = lists?.[idOf(page.inputPath)] ?? [];
    return list.map((entry) => pages.get(entry.id)).filter(Boolean);
  });
}
