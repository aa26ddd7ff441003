// Runs the vendored ZPL renderer beside the page. Nothing is fetched but its own file.
import { zplToBase64Async } from "../vendor/zpl-renderer-3.4.0.esm.js";

addEventListener("message", async ({ data: { id, zpl, width, height, dots } }) => {
  try {
    postMessage({ id, png: await zplToBase64Async(zpl, width, height, dots) });
  } catch (error) {
    postMessage({ id, error: String(error?.message ?? error) });
  }
});
