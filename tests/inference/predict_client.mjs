// Posts a body as it is, in gzip and as a stream, and prints the status and the body of each response.
import { gzipSync } from "node:zlib";

const [address, body] = process.argv.slice(2);
const json = { "Content-Type": "application/json" };
for (const options of [
  { headers: json, body },
  { headers: { ...json, "Content-Encoding": "gzip" }, body: gzipSync(body) },
  { headers: json, body: new Blob([body]).stream(), duplex: "half" },
]) {
  const response = await fetch(address, { method: "POST", ...options });
  console.log(response.status, await response.text());
}
