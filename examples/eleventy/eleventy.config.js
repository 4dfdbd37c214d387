import recs from "./recs.js";

export default function (config) {
  config.addPlugin(recs, { input: "src" });
  return { dir: { input: "src" } };
}
